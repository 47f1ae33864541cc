//! Signals to processes that a test started.

use std::process::Command;

/// Sends the signal of this name (`STOP`, `CONT`, `TERM`) to a process of the test's own.
///
/// # Panics
/// When there is no such process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "SIG{name} to {pid}");
}
