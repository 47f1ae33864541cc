//! One journey, printed.

use std::{path::Path, time::Duration};

use anyhow::Context;
use testkit::journey::{Addresses, Ask, Client, Progress, journey, sign_in};
use tokio::time::Instant;

struct Printed {
    last: Instant,
}

impl Progress for Printed {
    fn done(&mut self, step: &str, detail: &str) {
        println!("  {:>6} ms  {step:<22} {detail}", self.last.elapsed().as_millis());
        self.last = Instant::now();
    }
}

/// Runs one journey and prints it.
pub async fn demo(addresses: &Addresses, email: Option<String>, password: &str, export: Option<&Path>) -> anyhow::Result<()> {
    let begun = Instant::now();
    let email = email.unwrap_or_else(|| format!("demo-{}@example.test", uuid::Uuid::now_v7().simple()));
    println!("The journey through {}", addresses.gateway);
    let manifest = journey(addresses, &email, password, begun + Duration::from_secs(120), &mut Printed { last: begun }).await?;
    println!("\n{}", serde_json::to_string_pretty(&manifest.body)?);
    println!("\nchecksum   {}", manifest.text("/record/checksum")?);
    println!("demo login {email} / {password}");
    println!("took       {:.1} s", begun.elapsed().as_secs_f64());
    if let Some(path) = export {
        let mut client = Client::new(&addresses.gateway, begun + Duration::from_secs(120))?;
        sign_in(&mut client, &email, password).await?;
        let content = client.expect(&Ask::get("/api/context/export?format=json")).await?;
        std::fs::write(path, &content.bytes).with_context(|| format!("cannot write {}", path.display()))?;
        println!("exported   {} ({} bytes)", path.display(), content.bytes.len());
    }
    Ok(())
}
