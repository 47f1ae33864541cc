//! The keys of auth-svc, which the services keep: what makes them ask for them again, and a new one.

use std::time::Duration;

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use testkit::{
    journey::{Ask, Client},
    relay::Mode,
    system::System,
};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    figures::Run,
    invariants,
    traffic::{Traffic, provision},
};

/// What a service logs when it asked in vain.
const IN_VAIN: &str = "the signing keys could not be fetched";
/// A process asks again at most every 10 s, and the answer may take until its time-out.
const LIMIT: Duration = Duration::from_secs(30);

/// Shows tokens of a key that nobody has until a service has asked for the keys through the relays, as `mode` lets it. The
/// keys that are known stay known: such a token is refused as what it is, not as an outage.
pub async fn ask_for_another(system: &System, reader: &Client, mode: Mode, run: &mut Run) -> anyhow::Result<()> {
    let mut stranger = reader.clone();
    stranger.token = Some(of_another_key(reader.token.as_deref().context("nobody is signed in")?)?);
    let (begun, already) = (Instant::now(), system.said(IN_VAIN));
    loop {
        let asked = Instant::now();
        let status = stranger.once(&Ask::get("/api/context/manifest")).await?.status;
        run.require(status == 401, || format!("a token of an unknown key was answered {status}"));
        let fetched = match mode {
            Mode::Slow(delay) => asked.elapsed() >= delay,
            _ => system.said(IN_VAIN) > already,
        };
        if fetched || status != 401 {
            return Ok(());
        }
        anyhow::ensure!(begun.elapsed() < LIMIT, "no service asked for the keys");
        sleep(Duration::from_millis(200)).await;
    }
}

/// A new key is published for so long before it signs, in seconds.
const NOTICE_S: u16 = 90;
/// For so long a replica may use the keys that it has read.
const KEPT: Duration = Duration::from_secs(60);

/// Journeys flow before, while and after a new key begins to sign, with tokens of both.
pub async fn rotate(system: &mut System, run: &mut Run) {
    let Some(people) = run.tried("before the rotation", provision(system, 16).await) else { return };
    let notice = NOTICE_S.to_string();
    let (well, said) = system.command("auth-svc", &["keys", "rotate", "--why", "a crash test", "--after", &notice], None).await;
    run.require(well, || format!("auth-svc keys rotate failed: {said}"));
    let new = said.split(' ').next().unwrap_or_default();
    let signs = Instant::now() + Duration::from_secs(NOTICE_S.into());
    sleep_until(signs - Duration::from_secs(4)).await;
    let mut traffic = Traffic::start(&system.addresses, people);
    while signs.elapsed() < KEPT {
        if let Some(more) = run.tried("while the new key comes into use", provision(system, 4).await) {
            traffic.add(more);
        }
        sleep(Duration::from_secs(6)).await;
    }
    if let Some(last) = run.tried("after the rotation", provision(system, 6).await) {
        let signed = last.iter().filter(|person| person.token.as_deref().is_some_and(|token| is_of_key(token, new))).count();
        run.require(signed == last.len(), || format!("{signed} of {} tokens are of the new key", last.len()));
        traffic.add(last);
    }
    traffic.end(run).await;
    run.consumers_back_s = invariants::consumers_back(system, invariants::REPLICAS).await;
    invariants::check(system, run).await;
}

fn is_of_key(token: &str, kid: &str) -> bool {
    let header = token.split_once('.').and_then(|(header, _)| URL_SAFE_NO_PAD.decode(header).ok()).unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(&header).is_ok_and(|header| header.get("kid").is_some_and(|named| named == kid))
}

/// The same token with the header of another key; nobody has signed it.
fn of_another_key(token: &str) -> anyhow::Result<String> {
    let (_, rest) = token.split_once('.').context("the access token is no JWT")?;
    let header = serde_json::json!({"alg": "ES256", "typ": "JWT", "kid": uuid::Uuid::now_v7()});
    Ok(format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string())))
}
