//! Many journeys, at once or paced.

use std::time::Duration;

use anyhow::bail;
use futures_util::{StreamExt, stream};
use serde_json::json;
use testkit::journey::{Addresses, Client, Silent, finalize_again, journey, sign_in};
use tokio::time::Instant;

const PASSWORD: &str = "groundwork-load-2026";

/// `pause` is the time from one start to the next; without it as many run as `concurrency` allows. Each person finalizes `finalizes` times.
pub async fn run(
    addresses: &Addresses,
    count: usize,
    concurrency: usize,
    limit_s: u64,
    pause: Option<Duration>,
    finalizes: u64,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let run_id = uuid::Uuid::now_v7().simple().to_string();
    let results: Vec<anyhow::Result<Duration>> = stream::iter(0..count)
        .then(|number| async move {
            let due = u32::try_from(number).ok().zip(pause).map(|(number, pause)| started + pause * number);
            if let Some(due) = due {
                tokio::time::sleep_until(due).await;
            }
            number
        })
        .map(|number| {
            let email = format!("load-{run_id}-{number}@example.test");
            async move {
                let begun = Instant::now();
                let deadline = begun + Duration::from_secs(limit_s);
                journey(addresses, &email, PASSWORD, deadline, &mut Silent).await?;
                if finalizes > 1 {
                    let mut client = Client::new(&addresses.gateway, deadline)?;
                    sign_in(&mut client, &email, PASSWORD).await?;
                    for number in 2..=finalizes {
                        finalize_again(&client, number).await?;
                    }
                }
                Ok(begun.elapsed())
            }
        })
        .buffer_unordered(concurrency)
        .collect()
        .await;
    let mut times: Vec<u128> = results.iter().flatten().map(Duration::as_millis).collect();
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len().saturating_sub(1)) * percent / 100).copied().unwrap_or_default();
    let failed: Vec<String> = results.iter().filter_map(|result| result.as_ref().err().map(|error| format!("{error:#}"))).collect();
    println!(
        "{}",
        json!({
            "journeys": count, "finished": times.len(), "failed": failed.len(), "seconds": started.elapsed().as_secs_f64(),
            "ms": {"min": at(0), "median": at(50), "p95": at(95), "max": at(100)},
        })
    );
    if let Some(first) = failed.first() {
        bail!("{} of {count} journeys failed; the first: {first}", failed.len());
    }
    Ok(())
}
