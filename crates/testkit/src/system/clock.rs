//! A process whose clock is wrong: libfaketime, Debian's package `faketime`.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context;
use chrono::DateTime;
use domain::{Clock, SystemClock};

/// The library to preload.
pub(super) fn library() -> anyhow::Result<String> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let library = folders.map(|folder: PathBuf| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    library.and_then(|path| path.to_str().map(str::to_owned)).context("libfaketime is missing: install Debian's package faketime")
}

/// By how many seconds the `Date` of an answer differs from our time.
pub(super) async fn offset(url: &str) -> anyhow::Result<i64> {
    let answer = service_kit::http_client(Duration::from_secs(3))?.get(url).send().await?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).context("an answer without a date")?;
    Ok((DateTime::parse_from_rfc2822(date)?.to_utc() - SystemClock.now()).num_seconds())
}
