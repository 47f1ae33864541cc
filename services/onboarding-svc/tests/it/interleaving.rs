//! Three people edit the same steps while Redis is emptied, cut off, slowed or hangs, and the service is killed. Every answer says
//! which one it was made on, so that at the end each answer that was acknowledged as durable must be among those before the last.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{
    Person, person, redis_url,
    relay::{Mode, Relay},
};
use tokio::time::Instant;

use crate::{dice::Dice, rig::Rig, service_process::ServiceProcess};

const STEPS: [(&str, &str); 2] = [("company", "description"), ("problem", "problem_statement")];
/// The three edit for as long as it takes to make so many saves under faults, on a slow machine too.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(90);
const SAVES: u64 = 60;

/// What the editors did, over all steps: answers are numbered.
#[derive(Default)]
struct History {
    /// The answer on which each was made; 0 is none.
    made_on: Mutex<BTreeMap<u64, u64>>,
    /// What was acknowledged as durable, by step.
    durable: Mutex<BTreeMap<&'static str, Vec<u64>>>,
    next: AtomicU64,
    saved: AtomicU64,
    conflicts: AtomicU64,
    failed: AtomicU64,
    ended: AtomicBool,
}

impl History {
    /// Whether it has gone on for long enough.
    fn is_enough(&self, begun: Instant) -> bool {
        let enough = begun.elapsed() > LONGEST || (begun.elapsed() > SHORTEST && self.saved.load(Ordering::Relaxed) >= SAVES);
        self.ended.fetch_or(enough, Ordering::Relaxed) || enough
    }

    fn descends(&self, last: u64, from: u64) -> bool {
        let made_on = self.made_on.lock().unwrap();
        let mut at = last;
        while at != from {
            match made_on.get(&at) {
                Some(before) if at != 0 => at = *before,
                _ => return false,
            }
        }
        true
    }
}

/// The number of an answer.
fn number(answer: &Value, field: &str) -> u64 {
    answer[field].as_str().and_then(|text| text.strip_prefix("answer ")).and_then(|number| number.parse().ok()).unwrap_or(0)
}

struct Editor {
    person: Person,
    workspace: String,
    bases: [String; 2],
    client: reqwest::Client,
    history: Arc<History>,
    dice: Dice,
}

impl Editor {
    fn request(&mut self, method: Method, slug: &str, draft: bool) -> reqwest::RequestBuilder {
        // Most go to the process that is killed and whose Redis is bad, the others to one that sees Redis as it is.
        let base = &self.bases[usize::from(self.dice.one_in(4))];
        let path = if draft { "/draft" } else { "" };
        self.client
            .request(method, format!("{base}/api/onboarding/steps/{slug}{path}"))
            .bearer_auth(&self.person.token)
            .header("X-Workspace-Id", &self.workspace)
    }

    async fn edit(mut self) {
        let mut known: BTreeMap<&str, (String, u64)> = BTreeMap::new();
        while !self.history.ended.load(Ordering::Relaxed) {
            let (slug, field) = STEPS[usize::from(self.dice.one_in(2))];
            let (revision, on) = known.get(slug).cloned().unwrap_or_else(|| ("\"0\"".to_owned(), 0));
            let id = self.history.next.fetch_add(1, Ordering::Relaxed) + 1;
            self.history.made_on.lock().unwrap().insert(id, on);
            let mut request = self.request(Method::PUT, slug, true).header("If-Match", revision);
            if self.dice.one_in(3) {
                request = request.header("Prefer", "durable");
            }
            let sent = request.json(&json!({"answer": {field: format!("answer {id}")}})).send().await;
            let learnt = match sent {
                Ok(answer) if answer.status() == StatusCode::OK => {
                    let revision = answer.headers()["etag"].to_str().unwrap().to_owned();
                    let body: Value = answer.json().await.unwrap_or_default();
                    if body["durable"] == true {
                        self.history.durable.lock().unwrap().entry(slug).or_default().push(id);
                    }
                    self.history.saved.fetch_add(1, Ordering::Relaxed);
                    Some((revision, id))
                }
                Ok(answer) if answer.status() == StatusCode::PRECONDITION_FAILED => {
                    self.history.conflicts.fetch_add(1, Ordering::Relaxed);
                    let revision = answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
                    let body: Value = answer.json().await.unwrap_or_default();
                    revision.map(|revision| (revision, number(&body["current"]["answer"], field)))
                }
                // Whether it was saved is not known.
                _ => {
                    self.history.failed.fetch_add(1, Ordering::Relaxed);
                    None
                }
            };
            let learnt = match learnt {
                Some(learnt) => Some(learnt),
                None => self.look(slug, field).await,
            };
            if let Some(learnt) = learnt {
                known.insert(slug, learnt);
            }
            tokio::time::sleep(Duration::from_millis(self.dice.below(60))).await;
        }
    }

    async fn look(&mut self, slug: &str, field: &str) -> Option<(String, u64)> {
        let answer = self.request(Method::GET, slug, false).send().await.ok().filter(|answer| answer.status() == StatusCode::OK)?;
        let revision = answer.headers().get("etag")?.to_str().ok()?.to_owned();
        let body: Value = answer.json().await.ok()?;
        Some((revision, number(&body["answer"], field)))
    }
}

/// One fault after the other until the end; then everything is well again.
async fn faults(rig: &Rig, process: &mut ServiceProcess, relay: &Relay, dice: &mut Dice, history: &History) {
    let begun = Instant::now();
    while !history.is_enough(begun) {
        tokio::time::sleep(Duration::from_millis(100 + dice.below(400))).await;
        let pause = Duration::from_millis(100 + dice.below(400));
        match dice.below(6) {
            0 | 1 => rig.flush_redis().await,
            2 => {
                process.crash().await;
            }
            fault => {
                let mode = match fault {
                    3 => Mode::Cut,
                    4 => Mode::Slow(Duration::from_millis(50 + dice.below(400))),
                    _ => Mode::Hang,
                };
                relay.set(mode).await;
                tokio::time::sleep(pause).await;
                relay.set(Mode::Pass).await;
            }
        }
    }
}

/// What both processes tell of a step, and the rows hold. The write-behind has two seconds, a lease of one that was killed five, and
/// what the last editors sent may still be on its way.
async fn settled(rig: &Rig, bases: &[&str], slug: &str, field: &str, what: &str) -> u64 {
    let path = format!("/api/onboarding/steps/{slug}");
    let end = Instant::now() + Duration::from_secs(30);
    tokio::time::sleep(Duration::from_secs(4)).await;
    loop {
        let mut told = Vec::new();
        for base in bases {
            let answer = rig.send(base, Method::GET, &path, &rig.person.token, &[], None).await.expect(200);
            told.push((number(&answer.body["answer"], field), answer.body["revision"].clone()));
        }
        let last = told[0].0;
        let rows = format!("select count(*) from onboarding.draft where slug = '{slug}' and answer ->> '{field}' = 'answer {last}'");
        let on_disk = rig.database.number(&rows).await;
        if told.iter().all(|one| *one == told[0]) && on_disk == 1 {
            return last;
        }
        assert!(Instant::now() < end, "{what}: {slug} is told as {told:?}, and {on_disk} rows are as it is told first");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn run(seed: u64) {
    let rig = Rig::unlocked().await;
    let calm = rig.replica(&[("GROUNDWORK__LIMITS__PROFILE", "load")]);
    let (relay, redis) = Relay::before(&redis_url()).await;
    let mut process = ServiceProcess::start(&rig, &format!("interleaving-{seed}"), &redis).await;
    let url = process.url.clone();
    let history = Arc::new(History::default());
    let mut editors = tokio::task::JoinSet::new();
    for number in 0..3 {
        let person = person(&rig.database).await;
        rig.add(&person, "member").await;
        let editor = Editor {
            person,
            workspace: rig.person.workspace.to_string(),
            bases: [url.clone(), calm.url.clone()],
            client: service_kit::http_client(Duration::from_secs(4)).unwrap(),
            history: history.clone(),
            dice: Dice::new(seed * 10 + number),
        };
        editors.spawn(editor.edit());
    }
    faults(&rig, &mut process, &relay, &mut Dice::new(seed), &history).await;
    while let Some(ended) = editors.join_next().await {
        ended.unwrap();
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let what =
        format!("seed {seed}: {} saved, {} conflicts, {} failed", count(&history.saved), count(&history.conflicts), count(&history.failed));
    assert!(count(&history.saved) >= SAVES, "{what}");
    for (slug, field) in STEPS {
        let last = settled(&rig, &[url.as_str(), calm.url.as_str()], slug, field, &what).await;
        let durable = history.durable.lock().unwrap().get(slug).cloned().unwrap_or_default();
        assert!(!durable.is_empty(), "{what}");
        for id in durable {
            assert!(history.descends(last, id), "{what}: answer {id} to {slug} was acknowledged as durable and is not before {last}");
        }
    }
    println!("{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_durable_answer_is_lost_in_a_storm_of_faults() {
    run(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_durable_answer_is_lost_in_another_storm() {
    run(2).await;
}

/// For `make verify PHASE=onboarding`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes five minutes: deploy/verify/claims/storms_of_saves.sh runs it"]
async fn no_durable_answer_is_lost_in_ten_storms() {
    for seed in 10..20 {
        run(seed).await;
    }
}
