//! The invariants, printed.

use std::time::Duration;

use anyhow::bail;
use testkit::journey::{Places, Topology, settle};

/// Waits for the system to come to rest and prints what holds and what does not.
pub async fn check(places: &Places, settle_s: u64) -> anyhow::Result<()> {
    let report = settle(places, &Topology::read(places).await?, Duration::from_secs(settle_s)).await?;
    for line in &report.lines {
        let mark = if line.violations == 0 { "holds " } else { "BROKEN" };
        println!("{mark}  {:<10} {} ({})", line.name, line.says, line.violations);
    }
    for (what, count) in &report.counts {
        println!("        {what:<30} {count}");
    }
    let violated = report.violated().count();
    if violated > 0 {
        bail!("{violated} invariants do not hold");
    }
    Ok(())
}
