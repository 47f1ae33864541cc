//! A step as the hash holds it.

use chrono::DateTime;
use domain::ids::UserId;
use serde_json::Value;

use crate::session::{Revision, StoredStep};

/// Writes `m:<slug>`; `size` is the answer's canonical size, 0 when there is none.
pub(super) fn meta(step: &StoredStep, size: usize) -> String {
    let completed = step.completed_at.map(|at| at.timestamp_micros().to_string()).unwrap_or_default();
    let at = step.updated_at.timestamp_micros();
    format!("{}|{}|{size}|{}|{at}|{completed}", step.revision.n, step.state.as_str(), step.updated_by)
}

/// Reads `m:<slug>` and, when it was asked for, `v:<slug>`; `None` when it is not what [`meta`] writes.
pub(super) fn step(epoch: i64, meta: &str, answer: Option<&str>) -> Option<StoredStep> {
    let mut fields = meta.split('|');
    let mut next = || fields.next();
    let (n, state, _size, by, at, completed) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let time = |micros: &str| DateTime::from_timestamp_micros(micros.parse().ok()?);
    Some(StoredStep {
        revision: Revision { epoch, n: n.parse().ok()? },
        state: state.parse().ok()?,
        answer: match answer {
            None | Some("") => None,
            Some(answer) => Some(serde_json::from_str::<Value>(answer).ok()?),
        },
        updated_by: by.parse::<UserId>().ok()?,
        updated_at: time(at)?,
        completed_at: if completed.is_empty() { None } else { Some(time(completed)?) },
    })
}

#[cfg(test)]
mod tests {
    use domain::ids::UserId;
    use serde_json::json;

    use super::*;
    use crate::session::StepState;

    #[test]
    fn a_step_is_read_as_it_was_written_and_anything_else_is_refused() {
        let now = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
        for completed_at in [None, Some(now)] {
            let written = StoredStep {
                revision: Revision { epoch: 4, n: 9 },
                state: StepState::Invalid,
                answer: Some(json!({"company_name": "Acme"})),
                updated_by: UserId::generate(),
                updated_at: now,
                completed_at,
            };
            let text = meta(&written, 27);
            assert_eq!(step(4, &text, Some(r#"{"company_name":"Acme"}"#)), Some(written));
            assert_eq!(step(4, &text, Some("{")), None);
            assert_eq!(step(4, text.trim_end_matches(char::is_numeric).trim_end_matches('|'), None), None);
        }
        assert_eq!(step(4, "1|finished|0|x|1|", None), None);
    }
}
