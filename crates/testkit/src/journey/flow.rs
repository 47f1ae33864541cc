//! The journey: sign up, pay, answer 23 steps, finalize, read the manifest.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{Addresses, Answer, Ask, Client};

/// The answers of the demo company.
const ANSWERS: &str = include_str!("../../../domain/tests/fixtures/answers/acme.json");

/// Is told of every step that is done.
pub trait Progress: Send {
    /// `step` is done; `detail` says with what.
    fn done(&mut self, step: &str, detail: &str);
}

/// Tells nobody.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn done(&mut self, _: &str, _: &str) {}
}

/// Runs one journey to its manifest. Everything is retried until the deadline, as a patient person would.
pub async fn journey(
    addresses: &Addresses,
    email: &str,
    password: &str,
    deadline: Instant,
    progress: &mut impl Progress,
) -> anyhow::Result<Answer> {
    let mut client = Client::new(&addresses.gateway, deadline)?;
    if !sign_up(&mut client, email, password).await? {
        confirm(&mut client, addresses, email).await?;
        progress.done("address confirmed", "by the code of the mail in the sandbox");
    }
    progress.done("signed up", email);
    let profile = client.expect(&Ask::post("/api/auth/ensure-profile", json!({}))).await?;
    progress.done("profile", profile.text("/workspace/id").unwrap_or("ready"));
    let manifest = pay_and_finalize(&client, addresses, Saving::EveryStep, progress).await?;
    let gate = client
        .until("the gate to open", Ask::get("/api/auth/verify-profile"), |answer| answer.text("/next").is_ok_and(|next| next == "app"));
    gate.await?;
    progress.done("gate", "next is app");
    Ok(manifest)
}

/// Whether a person's answers are saved as drafts before the steps are completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    /// As a browser does while somebody types.
    EveryStep,
    /// The answer comes with the completion only.
    Nothing,
}

/// The part of a journey that begins with a signed-in person who has a workspace and has paid nothing yet.
pub async fn pay_and_finalize(
    client: &Client,
    addresses: &Addresses,
    saving: Saving,
    progress: &mut impl Progress,
) -> anyhow::Result<Answer> {
    pay(client, addresses, progress).await?;
    let resume = client.until("the unlock", Ask::get("/api/onboarding"), |answer| {
        answer.status.is_success() && answer.text("/status").is_ok_and(|status| status != "locked")
    });
    let resume = resume.await?;
    progress.done("onboarding unlocked", resume.text("/status")?);
    let steps = answer_steps(client, saving).await?;
    progress.done("steps completed", &format!("{steps} of 23"));
    let key = uuid::Uuid::now_v7().to_string();
    let finalized = client.expect(&Ask::post("/api/onboarding/finalize", json!({})).header("Idempotency-Key", key)).await?;
    progress.done("finalized", finalized.text("/sha256").unwrap_or_default());
    let manifest = client.until("the manifest", Ask::get("/api/context/manifest"), |answer| answer.status == 200).await?;
    progress.done("manifest", &format!("version {}", manifest.text("/record/version")?));
    verify_checksum(client, &manifest).await?;
    progress.done("checksum verified", "SHA-256 of the exported bytes");
    Ok(manifest)
}

/// Renames the company and finalizes once more; `number` is that of the context which this makes, 2 or more. Ends when its manifest
/// is there.
pub async fn finalize_again(client: &Client, number: u64) -> anyhow::Result<()> {
    manifest_of(client, number.saturating_sub(1)).await?;
    let answers: Value = serde_json::from_str(ANSWERS)?;
    let mut company = answers.get("company").cloned().context("the fixture has no company")?;
    *company.get_mut("company_name").context("the fixture's company has no name")? = json!(format!("Acme Instruments {number}"));
    let body = json!({"answer": company});
    let revision = current_revision(client, "company").await?;
    keep_mine(client, "company", revision, || Ask::post("/api/onboarding/steps/company/complete", body.clone())).await?;
    let key = uuid::Uuid::now_v7().to_string();
    let finalized = client.expect(&Ask::post("/api/onboarding/finalize", json!({})).header("Idempotency-Key", key)).await?;
    let made = finalized.body.get("context_number").and_then(Value::as_u64);
    ensure!(made == Some(number), "finalizing made another context than {number}: {}", finalized.body);
    manifest_of(client, number).await
}

async fn manifest_of(client: &Client, number: u64) -> anyhow::Result<()> {
    let path = format!("/api/onboarding/finalize/{number}");
    let is_there = |answer: &Answer| answer.text("/status").is_ok_and(|status| status == "completed");
    client.until("the manifest of a context", Ask::get(&path), is_there).await.map(drop)
}

/// Signs up, or in when an earlier attempt did. `false` when the address has to be confirmed first.
pub async fn sign_up(client: &mut Client, email: &str, password: &str) -> anyhow::Result<bool> {
    let answer = client.send(&Ask::post("/auth/v1/signup", json!({"email": email, "password": password}))).await?;
    if answer.status.is_success() {
        client.token = answer.text("/access_token").ok().map(str::to_owned);
        return Ok(client.token.is_some());
    }
    // The first attempt may have succeeded while its answer was lost.
    ensure!(answer.status == 422 || answer.status == 400, "sign-up answered {}: {}", answer.status, answer.body);
    sign_in(client, email, password).await?;
    Ok(true)
}

/// Reads the code of the mail to `email` in the sandbox and confirms the address with it.
pub async fn confirm(client: &mut Client, addresses: &Addresses, email: &str) -> anyhow::Result<()> {
    let sandbox = client.elsewhere(&addresses.sandbox);
    let of_mail = |answer: &Answer| {
        let mails = answer.body.as_array().into_iter().flatten();
        let mut texts =
            mails.filter(|mail| mail.pointer("/to/0").is_some_and(|to| to == email)).filter_map(|mail| mail.get("text")?.as_str());
        texts.find_map(|text| Some(text.split_once("type this code: ")?.1.chars().take(6).collect::<String>()))
    };
    let mails = sandbox.until("the mail that confirms the address", Ask::get("/control/mails"), |answer| of_mail(answer).is_some()).await?;
    let code = of_mail(&mails).context("the mail has no code")?;
    let session = client.expect(&Ask::post("/auth/v1/verify", json!({"type": "signup", "email": email, "token": code}))).await?;
    client.token = Some(session.text("/access_token")?.to_owned());
    Ok(())
}

/// Signs in.
pub async fn sign_in(client: &mut Client, email: &str, password: &str) -> anyhow::Result<()> {
    let answer = client.expect(&Ask::post("/auth/v1/token?grant_type=password", json!({"email": email, "password": password}))).await?;
    client.token = Some(answer.text("/access_token")?.to_owned());
    Ok(())
}

async fn pay(client: &Client, addresses: &Addresses, progress: &mut impl Progress) -> anyhow::Result<()> {
    let key = uuid::Uuid::now_v7().to_string();
    let initiate = Ask::post("/api/payments/v2/initiate", json!({"plan": "glide", "cycle": "monthly", "autopay": false}))
        .header("Idempotency-Key", key);
    // A lost answer of PhonePe leaves the order pending without an address to go to; it is there when asked again.
    let order = client.until("an order to pay", initiate, |answer| {
        !answer.status.is_success() || answer.body.pointer("/redirect_url").is_some_and(Value::is_string)
    });
    let order = order.await?;
    ensure!(order.status.is_success(), "initiate answered {}: {}", order.status, order.body);
    let order_id = order.text("/order_id")?.to_owned();
    progress.done("order", &order_id);
    let sandbox = client.elsewhere(&addresses.sandbox);
    let path = format!("/control/orders/{order_id}-1/pay");
    let paid = sandbox.send(&Ask::post(&path, json!({"outcome": "success"}))).await?;
    // 409: the first attempt was counted while its answer was lost.
    ensure!(paid.status.is_success() || paid.status == 409, "paying answered {}: {}", paid.status, paid.body);
    progress.done("paid at the sandbox", "");
    let status = format!("/api/payments/v2/status/{order_id}");
    let paid = client.until("the confirmation", Ask::get(&status), |answer| {
        answer.text("/state").is_ok_and(|state| state != "pending" && state != "created")
    });
    let paid = paid.await?;
    ensure!(paid.text("/state")? == "completed", "the order ended as {}", paid.body);
    progress.done("payment confirmed", paid.text("/state")?);
    Ok(())
}

/// Completes every step. The answer goes along with the completion as well: a save that was not
/// acknowledged as durable may be lost with Redis, and then it is the browser's copy that counts.
async fn answer_steps(client: &Client, saving: Saving) -> anyhow::Result<usize> {
    let answers: Value = serde_json::from_str(ANSWERS)?;
    let answers = answers.as_object().context("the fixture is not an object")?;
    for (slug, answer) in answers {
        let (draft, complete) = (format!("/api/onboarding/steps/{slug}/draft"), format!("/api/onboarding/steps/{slug}/complete"));
        let body = json!({"answer": answer});
        let mut revision = r#""0""#.to_owned();
        if saving == Saving::EveryStep {
            revision = keep_mine(client, slug, revision, || Ask::put(&draft, body.clone())).await?;
        }
        keep_mine(client, slug, revision, || Ask::post(&complete, body.clone())).await?;
    }
    Ok(answers.len())
}

/// Sends an edit of a step and returns its new revision. A stale revision is replaced by the current one, as a person
/// who chooses "keep mine" does. A retried request meets its own first attempt this way, again and again while PostgreSQL
/// refuses what Redis has taken.
async fn keep_mine<'a>(client: &Client, slug: &str, mut revision: String, edit: impl Fn() -> Ask<'a>) -> anyhow::Result<String> {
    while client.has_time() {
        let answer = client.send(&edit().header("If-Match", revision)).await?;
        match answer.status.as_u16() {
            200 | 204 => return Ok(answer.etag.unwrap_or_default()),
            412 => {
                revision = current_revision(client, slug).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            _ => bail!("an edit of {slug} answered {}: {}", answer.status, answer.body),
        }
    }
    bail!("{slug} was changed elsewhere again and again, until there was no time left")
}

async fn current_revision(client: &Client, slug: &str) -> anyhow::Result<String> {
    let path = format!("/api/onboarding/steps/{slug}");
    let answer = client.expect(&Ask::get(&path)).await?;
    Ok(answer.etag.unwrap_or_else(|| r#""0""#.to_owned()))
}

async fn verify_checksum(client: &Client, manifest: &Answer) -> anyhow::Result<()> {
    let content = client.expect(&Ask::get("/api/context/manifest?view=content")).await?;
    let digest = hex::encode(Sha256::digest(&content.bytes));
    let checksum = manifest.text("/record/checksum")?;
    ensure!(digest == checksum, "the manifest says {checksum}, its bytes are {digest}");
    Ok(())
}
