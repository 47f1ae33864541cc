//! Reads a manifest again and again, as a consumer does: `read_manifest URL TOKEN [WORKSPACE]`.

mod reader;

use std::time::Duration;

use reader::Reader;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| anyhow::anyhow!("{what} is missing: read_manifest URL TOKEN [WORKSPACE]"));
    let (url, token) = (next("URL")?, next("TOKEN")?);
    let mut reader = Reader::new(&url, &token, next("WORKSPACE").ok())?;
    loop {
        let read = reader.read().await?;
        let name = read.manifest.content.company.name.as_deref().unwrap_or("–");
        println!("{} {name}, {:?}{}", read.manifest.record.version, read.from, if read.stale { ", may be old" } else { "" });
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
