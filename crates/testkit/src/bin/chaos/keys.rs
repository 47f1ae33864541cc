//! The keys of auth-svc, which the services keep: what makes them ask for them again.

use std::time::Duration;

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use testkit::{
    journey::{Ask, Client},
    relay::Mode,
    system::System,
};
use tokio::time::{Instant, sleep};

use crate::figures::Run;

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

/// The same token with the header of another key; nobody has signed it.
fn of_another_key(token: &str) -> anyhow::Result<String> {
    let (_, rest) = token.split_once('.').context("the access token is no JWT")?;
    let header = serde_json::json!({"alg": "ES256", "typ": "JWT", "kid": uuid::Uuid::now_v7()});
    Ok(format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string())))
}
