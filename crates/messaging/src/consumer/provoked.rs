//! Failures that a crash test asks for. Compiled with the feature `kill-points` only.
//!
//! `GROUNDWORK_FAIL_EVENT=<how>:<event id or type>`, where `<how>` is `transient` (the first try of each such event
//! fails), `permanent` (each fails until an operator replays it) or `abort` (the process dies with each).

use super::{Delivered, HandlerError};

/// Fails as the environment says.
#[expect(clippy::disallowed_methods, reason = "no setting of a service: plain builds do not know it")]
pub(super) fn failure(delivered: &Delivered) -> Result<(), HandlerError> {
    let Ok(wanted) = std::env::var("GROUNDWORK_FAIL_EVENT") else { return Ok(()) };
    let Some((how, event)) = wanted.split_once(':') else { return Ok(()) };
    if event != delivered.id.to_string() && event != delivered.event.event_type().as_str() {
        return Ok(());
    }
    match how {
        "transient" if delivered.retries == 0 => Err(HandlerError::Transient("a crash test asked for it".to_owned())),
        "permanent" if delivered.redrives == 0 => Err(HandlerError::Permanent("a crash test asked for it".to_owned())),
        "abort" => {
            eprintln!("kill point K12");
            std::process::abort();
        }
        _ => Ok(()),
    }
}
