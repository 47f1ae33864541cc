//! The steps as a page of Markdown, for people.

use std::fmt::Write as _;

use super::{Definition, Field, Kind, Step};

impl Definition {
    /// The page: every step with its fields and their limits.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = format!(
            "# The steps of the onboarding\n\nGenerated from crates/domain/src/step: `UPDATE_SCHEMAS=1 cargo test -p domain --test steps` writes it anew.\n\n\
             Schema version `{}`: {} steps in {} phases. A field in **bold** must be there when the step is completed; an optional step can be \
             skipped. Lengths count what a reader sees as one character.\n",
            self.schema_version,
            self.steps.len(),
            self.phases.len()
        );
        for phase in self.phases {
            let steps: Vec<_> = self.steps.iter().filter(|step| step.phase == phase.number).collect();
            let minutes: u32 = steps.iter().map(|step| u32::from(step.minutes)).sum();
            // Writing to a string does not fail.
            let _ = write!(page, "\n## Phase {}: {} ({minutes} minutes)\n", phase.number, phase.title);
            for step in steps {
                of_step(&mut page, step);
            }
        }
        page
    }
}

fn of_step(page: &mut String, step: &Step) {
    let optional = if step.optional { ", optional" } else { "" };
    let _ = write!(page, "\n### {}. {} (`{}`{optional})\n\n{}\n\n", step.number, step.title, step.slug, step.help);
    page.push_str("| field | label | holds |\n|---|---|---|\n");
    rows(page, step.fields, "");
}

fn rows(page: &mut String, fields: &[Field], within: &str) {
    for field in fields {
        let name = format!("`{within}{}`", field.name);
        let name = if field.required { format!("**{name}**") } else { name };
        let help = if field.help.is_empty() { String::new() } else { format!(" {}", field.help) };
        let bounds = bounds(&field.kind);
        let bounds = if bounds.is_empty() { String::new() } else { format!(", {}", bounds.trim_end_matches('.').to_lowercase()) };
        let _ = writeln!(page, "| {name} | {} | {}{bounds}.{help} |", cell(field.label), cell(&kind(&field.kind)));
        if let Kind::ObjectList { fields, .. } = field.kind {
            rows(page, fields, &format!("{within}{}[].", field.name));
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn kind(kind: &Kind) -> String {
    match *kind {
        Kind::Text { .. } => "A line of text".to_owned(),
        Kind::LongText { .. } => "Text".to_owned(),
        Kind::Url { .. } => "A web address".to_owned(),
        Kind::Integer { .. } => "A whole number".to_owned(),
        Kind::Year { .. } => "A year".to_owned(),
        Kind::Number { .. } => "A number".to_owned(),
        Kind::Amount { .. } => "An amount in minor units".to_owned(),
        Kind::Money { .. } => "An amount in minor units with its currency".to_owned(),
        Kind::Currency => "A currency by its ISO 4217 code".to_owned(),
        Kind::Boolean { must_be_true } => if must_be_true { "Yes" } else { "Yes or no" }.to_owned(),
        Kind::Enum { options } => {
            let values: Vec<_> = options.iter().map(|option| format!("`{}`", option.value)).collect();
            format!("One of {}", values.join(", "))
        }
        Kind::Date => "A day, such as 2026-11-25".to_owned(),
        Kind::TextList { .. } => "A list of lines".to_owned(),
        Kind::ObjectList { item, .. } => format!("A list: each {item} has the fields below"),
    }
}

/// What bounds a value of this kind, as a sentence; empty when the kind says it all.
pub(super) fn bounds(kind: &Kind) -> String {
    match *kind {
        Kind::Text { min, max } | Kind::LongText { min, max } if min > 1 => format!("{min} to {max} characters."),
        Kind::Text { max, .. } | Kind::LongText { max, .. } => format!("At most {max} characters."),
        Kind::Url { max_bytes } => format!("At most {max_bytes} bytes."),
        Kind::Integer { min, max } => format!("{min} to {max}."),
        Kind::Number { min, max } => format!("{min} to {max}."),
        Kind::Year { min, years_ahead: 1 } => format!("From {min} to next year."),
        Kind::Year { min, years_ahead } => format!("From {min} to {years_ahead} years ahead."),
        Kind::TextList { min_items: 0, max_items, max } => format!("At most {max_items} of at most {max} characters."),
        Kind::TextList { min_items, max_items, max } => format!("{min_items} to {max_items} of at most {max} characters."),
        Kind::ObjectList { min_items: 0, max_items, .. } => format!("At most {max_items}."),
        Kind::ObjectList { min_items, max_items, .. } => format!("{min_items} to {max_items}."),
        Kind::Amount { .. } | Kind::Money { .. } | Kind::Currency | Kind::Boolean { .. } | Kind::Enum { .. } | Kind::Date => String::new(),
    }
}
