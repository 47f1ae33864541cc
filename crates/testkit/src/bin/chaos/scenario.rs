//! Everything that is broken, as data. The rows and columns are those of the fault table of the specification.

use std::time::Duration;

use domain::{Clock, SystemClock};
use testkit::{
    relay::{Direction, Mode},
    system::{Dependency, Part, System},
};
use tokio::time::Instant;

use crate::{
    clocks, dead_letters,
    fault::{self, Fault},
    figures::{Bars, Run},
    keys,
    kill_point::{self, KillPoint},
    more::{self, More},
};

/// One thing that is broken, and what has to hold.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `K3`, `redis-hang`.
    pub name: String,
    /// What is broken.
    pub says: &'static str,
    /// Whether `make test` runs it.
    short: bool,
    bars: Bars,
    act: Act,
}

#[derive(Debug, Clone)]
enum Act {
    Kill(KillPoint),
    Replay(dead_letters::Crash),
    Break { fault: Fault, lasts: Duration },
    More(More),
    Clocks(&'static str),
    NewKey,
}

impl Scenario {
    /// Whether several runs are worth more than one: the moment of a crash differs.
    pub const fn repeats(&self) -> bool {
        matches!(self.act, Act::Kill(_) | Act::Replay(_))
    }

    /// Runs it once on a system at rest.
    pub async fn run(&self, system: &mut System, number: u32, slack: f64) -> Run {
        let mut run = Run { scenario: self.name.clone(), ..Run::default() };
        let begun = Instant::now();
        match &self.act {
            Act::Kill(point) => kill_point::run(system, point, number, &mut run).await,
            Act::Replay(crash) => dead_letters::run(system, *crash, number, &mut run).await,
            Act::Break { fault, lasts } => fault::run(system, fault, *lasts, &mut run).await,
            Act::More(more) => more::run(system, *more, &mut run).await,
            Act::Clocks(service) => clocks::run(system, service, &mut run).await,
            Act::NewKey => keys::rotate(system, &mut run).await,
        }
        self.bars.judge(&mut run, slack);
        run.seconds = begun.elapsed().as_secs_f64();
        run.at = SystemClock.now().to_rfc3339();
        run
    }
}

/// Those called `names`; a name that no scenario has is the beginning of several (`redis` is every `redis-…`, `K` every
/// kill point). All when there are none. Every name has to choose something.
pub fn chosen(names: &[String], short: bool) -> anyhow::Result<Vec<Scenario>> {
    let all: Vec<_> = all().into_iter().filter(|scenario| !short || scenario.short).collect();
    let is = |scenario: &Scenario, name: &str| {
        if all.iter().any(|other| other.name == name) {
            return scenario.name == name;
        }
        scenario.name.starts_with(&format!("{name}-")) || name == "K" && scenario.repeats()
    };
    for name in names {
        anyhow::ensure!(all.iter().any(|scenario| is(scenario, name)), "no scenario is called {name}; `chaos list` shows them");
    }
    let wanted = |scenario: &&Scenario| names.is_empty() || names.iter().any(|name| is(scenario, name));
    Ok(all.iter().filter(wanted).cloned().collect())
}

/// Every scenario, kill points first.
pub fn all() -> Vec<Scenario> {
    let mut all: Vec<_> = kill_points();
    for (row, dependency, part) in [
        ("postgres", Dependency::Postgres, Some(Part::Postgres)),
        ("rabbitmq", Dependency::RabbitMq, Some(Part::RabbitMq)),
        ("redis", Dependency::Redis, Some(Part::Redis)),
        ("phonepe", Dependency::PhonePe, None),
        ("collector", Dependency::Collector, None),
        ("keys", Dependency::Keys, None),
    ] {
        all.extend(dependency_row(row, dependency, part));
    }
    for service in ["auth-svc", "onboarding-svc", "bcm-svc"] {
        all.extend(service_row(service));
    }
    let rolled = Bars { no_refusal: true, read_p95_ms: Some(500), ..Bars::default() };
    all.push(scenario("gateway-down", "both gateways are killed and started again", Bars::default(), Fault::GatewaysKilled, 1));
    all.push(scenario("gateway-restart", "the gateways are restarted in order, one after the other", rolled, Fault::GatewaysRolled, 2));
    let new_key = Bars { no_refusal: true, ..Bars::default() };
    all.push(more("keys-restart", "a new key is published, and signs 90 s later", new_key, Act::NewKey));
    let back = Bars { consumers_back_s: Some(10.0), ..Bars::default() };
    all.extend(MORE.map(|(name, says, act)| more(name, says, back, Act::More(act))));
    for (name, says, service) in CLOCKS {
        all.push(more(name, says, Bars { no_refusal: true, ..back }, Act::Clocks(service)));
    }
    all
}

fn more(name: &str, says: &'static str, bars: Bars, act: Act) -> Scenario {
    Scenario { name: name.to_owned(), says, short: false, bars, act }
}

const MORE: [(&str, &str, More); 5] = [
    ("K15", "every connection to the broker is closed every 2 s for 60 s", More::ConnectionsClosed),
    ("K16", "two queues are deleted under load; what was published is published again", More::QueueDeleted),
    ("K19", "the broker loses every queue and message; what was published is published again", More::StateLost),
    ("K21", "one of two relays is frozen for 40 s, past its lease", More::RelayFrozen),
    ("K23", "the clients hear the broker and it does not hear them, for 45 s", More::OneWay),
];

const CLOCKS: [(&str, &str, &str); 4] = [
    ("K20-auth-svc", "the clocks of auth-svc are ten minutes wrong, one ahead and one behind", "auth-svc"),
    ("K20-payments-svc", "the same of payments-svc", "payments-svc"),
    ("K20-onboarding-svc", "the same of onboarding-svc", "onboarding-svc"),
    ("K20-bcm-svc", "the same of bcm-svc", "bcm-svc"),
];

fn kill_points() -> Vec<Scenario> {
    let kill = |name: &str, says, act| Scenario { name: name.to_owned(), says, short: true, bars: Bars::default(), act };
    let point = |name: &'static str, service: &'static str, says: &'static str| {
        kill(name, says, Act::Kill(KillPoint { name, service, fails: None, replay: false }))
    };
    let failing =
        |name, says, fails, replay| kill(name, says, Act::Kill(KillPoint { name, service: "onboarding-svc", fails: Some(fails), replay }));
    vec![
        point("K1", "payments-svc", "dies before the confirmation's commit"),
        point("K2", "payments-svc", "dies after the confirmation's commit, before the relay"),
        point("K3", "payments-svc", "dies after publishing, before the confirm"),
        point("K4", "payments-svc", "dies after the confirm, before the row is marked"),
        point("K5", "onboarding-svc", "dies after a delivery, before its transaction"),
        point("K6", "onboarding-svc", "dies after the commit, before the acknowledgement"),
        failing("K7", "dies after the retry was published, before the acknowledgement", "transient:payments.payment.confirmed.v1", false),
        failing(
            "K8",
            "dies after the dead letter was published, before the acknowledgement",
            "permanent:payments.payment.confirmed.v1",
            true,
        ),
        point("K9", "onboarding-svc", "dies in finalize between the status and the event"),
        point("K10", "bcm-svc", "dies after the manifest's row, before the caches"),
        kill("K11", "dies in the middle of a replay of dead letters", Act::Replay(dead_letters::Crash::Replaying)),
        kill("K12", "dies with one event again and again", Act::Replay(dead_letters::Crash::Poison)),
    ]
}

fn scenario(name: &str, says: &'static str, bars: Bars, fault: Fault, seconds: u64) -> Scenario {
    let short = matches!(name, "postgres-down" | "postgres-hang" | "rabbitmq-down" | "rabbitmq-hang" | "redis-down" | "redis-hang");
    Scenario { name: name.to_owned(), says, short, bars, act: Act::Break { fault, lasts: Duration::from_secs(seconds) } }
}

fn dependency_row(row: &str, dependency: Dependency, part: Option<Part>) -> Vec<Scenario> {
    let bars = match dependency {
        Dependency::Postgres => Bars { refusal_ms: Some(3_500), reads_back_s: Some(10.0), ..Bars::default() },
        Dependency::RabbitMq => Bars { consumers_back_s: Some(10.0), no_refusal: true, read_p95_ms: Some(500), ..Bars::default() },
        Dependency::Redis | Dependency::Collector | Dependency::Keys => {
            Bars { read_p95_ms: Some(500), no_refusal: true, ..Bars::default() }
        }
        Dependency::PhonePe => Bars { read_p95_ms: Some(500), ..Bars::default() },
    };
    // Everything restarts: there are refusals and no reads.
    let at_start = Bars { consumers_back_s: Some(20.0), ..Bars::default() };
    let through = |mode| Fault::Through { dependency, mode };
    // The broker closes a silent connection after two heartbeats of 20 s.
    let seconds = if dependency == Dependency::RabbitMq { 45 } else { 9 };
    let named = |column: &str| format!("{row}-{column}");
    let down = part.map_or_else(|| through(Mode::Cut), Fault::Killed);
    let mut scenarios = vec![
        scenario(&named("down-at-start"), "is down while everything starts", at_start, Fault::DownAtStart(dependency), 8),
        scenario(&named("down"), "is killed in flight", bars, down, 9),
        scenario(&named("slow"), "every answer comes 2 s later", slow(dependency, bars), through(Mode::Slow(Duration::from_secs(2))), 12),
        scenario(&named("hang"), "accepts connections and never answers", bars, through(Mode::Hang), seconds),
        scenario(&named("reset"), "resets every connection", bars, through(Mode::Reset), 6),
        scenario(&named("half-open"), "hears and is not heard", bars, through(Mode::OneWay { silent: Direction::ToClient }), seconds),
    ];
    if let Some(part) = part {
        scenarios.push(scenario(&named("restart"), "is restarted in order", bars, Fault::Restarted(part), 2));
    }
    match dependency {
        Dependency::RabbitMq => {
            scenarios.push(scenario(&named("full"), "is out of memory and blocks publishers", bars, Fault::BrokerFull, 10));
        }
        Dependency::Postgres => scenarios.push(scenario(&named("full"), "has no space for what is written", bars, Fault::PostgresFull, 9)),
        Dependency::Redis => scenarios.push(scenario(&named("full"), "is out of memory", bars, Fault::RedisFull, 9)),
        Dependency::PhonePe => {
            let busy = r#"{"pay": {"http_status": 429}, "status": {"http_status": 429}}"#;
            let broken = r#"{"pay": {"http_status": 502, "html_body": true}, "status": {"http_status": 500}}"#;
            let lost = r#"{"pay": {"http_status": 502, "html_body": true, "after_commit": true}}"#;
            scenarios.push(scenario(&named("full"), "answers 429", bars, Fault::Weather(busy), 9));
            scenarios.push(scenario(&named("broken"), "answers 500 and web pages", bars, Fault::Weather(broken), 9));
            scenarios.push(scenario(&named("ambiguous"), "takes orders and answers that it did not", bars, Fault::Weather(lost), 9));
        }
        Dependency::Collector | Dependency::Keys => {}
    }
    scenarios
}

/// Two seconds for each answer is more than some bars allow.
fn slow(dependency: Dependency, bars: Bars) -> Bars {
    match dependency {
        Dependency::Postgres => Bars { refusal_ms: None, ..bars },
        _ => bars,
    }
}

fn service_row(service: &'static str) -> Vec<Scenario> {
    let bars = Bars { consumers_back_s: Some(20.0), ..Bars::default() };
    let named = |column: &str| format!("{service}-{column}");
    let broker = |mode| Fault::ServiceThrough { service, dependency: Dependency::RabbitMq, mode };
    vec![
        scenario(&named("down-at-start"), "starts 10 s after the others", bars, Fault::ServiceLate(service), 10),
        scenario(&named("down"), "all replicas are killed", bars, Fault::ServiceKilled(service), 2),
        scenario(&named("restart"), "all replicas are restarted in order", bars, Fault::ServiceLate(service), 0),
        scenario(&named("slow"), "hears the broker 2 s later", bars, broker(Mode::Slow(Duration::from_secs(2))), 12),
        scenario(&named("hang"), "all replicas are frozen for 8 s", bars, Fault::ServiceFrozen(service), 8),
        scenario(&named("reset"), "has its connections to the broker reset", bars, broker(Mode::Reset), 6),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str], short: bool) -> anyhow::Result<Vec<String>> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        Ok(chosen(&names, short)?.into_iter().map(|scenario| scenario.name).collect())
    }

    #[test]
    fn the_short_form_is_every_kill_point_and_six_cells() {
        assert_eq!(names(&[], true).unwrap().len(), 18);
    }

    #[test]
    fn a_beginning_is_a_row_and_never_half_a_name() {
        assert_eq!(names(&["K1"], false).unwrap(), ["K1"]);
        assert_eq!(names(&["gateway"], false).unwrap(), ["gateway-down", "gateway-restart"]);
        assert_eq!(names(&["redis-down"], false).unwrap(), ["redis-down"]);
        assert_eq!(names(&["redis"], false).unwrap().len(), 8);
        assert_eq!(names(&["K"], false).unwrap().len(), 12);
    }

    #[test]
    fn an_unknown_name_beside_a_known_one_is_an_error() {
        assert!(names(&["K1", "K99"], false).is_err());
    }

    #[test]
    fn every_name_is_there_once() {
        let mut all = names(&[], false).unwrap();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
