//! A step as the hash holds it.

use chrono::DateTime;
use domain::ids::UserId;
use serde_json::Value;

use crate::session::{Revised, Revision, StoredStep};

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

/// Reads an entry of the queue of revisions: `epoch|slug|meta|restores`, a line end, the answer. `None` when it is not what the
/// script of a save writes.
pub(super) fn revised(entry: &str) -> Option<Revised> {
    let (head, answer) = entry.split_once('\n')?;
    let (epoch, rest) = head.split_once('|')?;
    let (slug, rest) = rest.split_once('|')?;
    let (meta, restores) = rest.rsplit_once('|')?;
    Some(Revised {
        slug: slug.parse().ok()?,
        step: step(epoch.parse().ok()?, meta, Some(answer))?,
        restores: if restores.is_empty() { None } else { Some(restores.parse().ok()?) },
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

    #[test]
    fn a_revision_is_read_as_a_save_queues_it() {
        let by = UserId::generate();
        let read = revised(&format!("3|value-proposition|7|draft|2|{by}|1800000000123456||5\n{{}}")).unwrap();
        assert_eq!((read.slug.as_str(), read.step.revision, read.restores), ("value-proposition", Revision { epoch: 3, n: 7 }, Some(5)));
        assert_eq!((read.step.answer, read.step.state, read.step.completed_at), (Some(json!({})), StepState::Draft, None));
        let completed = revised(&format!("3|company|8|complete|2|{by}|1800000000123456|1800000000123456|\n{{}}")).unwrap();
        assert_eq!((completed.step.state, completed.restores), (StepState::Complete, None));
        let skipped = revised(&format!("3|facts|1|skipped|0|{by}|1800000000123456||\n")).unwrap();
        assert_eq!((skipped.step.answer, skipped.restores), (None, None));
        for other in ["", "3|company", "x|company|7|draft|2|u|1||\n{}", "3|vision|7|draft|2|u|1||\n{}"] {
            assert_eq!(revised(other), None, "{other}");
        }
    }
}
