//! The mails that this service sends.

use chrono::{DateTime, Utc};
use domain::financial_year::day_in_india;
use mail::Layout;

use crate::session::Summary;

/// What a reminder tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reminder<'a> {
    /// How far the steps are.
    pub(crate) summary: Summary,
    /// How many minutes the steps take that are not done.
    pub(crate) minutes: u32,
    /// When the session is put away.
    pub(crate) away_after: DateTime<Utc>,
    /// Whether no other reminder follows.
    pub(crate) last: bool,
    /// Where to go on.
    pub(crate) url: &'a str,
}

/// Somebody paused in the middle of the steps, or never began.
pub(crate) fn reminder(facts: &Reminder<'_>) -> Layout {
    let Summary { done, next } = facts.summary;
    let total = Summary::total();
    let begun = done > 0;
    let subject = match (begun, facts.last) {
        _ if next.is_none() => "Your onboarding is ready to be finalized".to_owned(),
        (true, false) => format!("Your onboarding: {done} of {total} steps are done"),
        (true, true) => format!("{} steps are left of your onboarding", total - done),
        (false, _) => "Your onboarding is open".to_owned(),
    };
    let (headline, first) = if begun {
        ("Go on where you stopped.", "Every answer you gave is saved. You can go on from any device, in any order.")
    } else {
        ("Begin whenever you like.", "The questions can be answered in any order, from any device. Every answer is saved as you type.")
    };
    let mut layout = Layout::new(subject, headline, first).says(first);
    if let Some(next) = next {
        let step = next.step();
        layout = layout.facts([
            ("Done", format!("{done} of {total} steps")),
            ("Next", format!("{} (about {} minutes)", step.title, step.minutes)),
            ("Left", format!("about {} minutes, if nothing is skipped", facts.minutes)),
        ]);
    } else {
        layout = layout.says("All steps are done: what is left is to finalize them.");
    }
    let layout = layout.button(if begun { "Go on" } else { "Begin" }, facts.url);
    if facts.last {
        let day = day_in_india(facts.away_after).format("%-d %B %Y");
        return layout.aside(format!(
            "We do not write about this again. On {day} we put the onboarding away; your answers stay, and opening it brings it back."
        ));
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(done: usize, next: Option<&str>, last: bool) -> String {
        let facts = Reminder {
            summary: Summary { done, next: next.map(|slug| slug.parse().unwrap()) },
            minutes: if next.is_some() { 47 } else { 0 },
            away_after: "2027-03-01T20:00:00Z".parse().unwrap(),
            last,
            url: "https://app.example.com/onboarding",
        };
        let layout = reminder(&facts);
        assert!(!layout.html().contains("{{"));
        format!("{}\n\n{}", layout.subject(), layout.text())
    }

    #[test]
    fn the_reminders_read_well() {
        let mails =
            [mail(9, Some("pricing"), false), mail(9, Some("pricing"), true), mail(0, Some("company"), false), mail(23, None, true)];
        insta::assert_snapshot!("reminders", mails.join("----\n"));
    }
}
