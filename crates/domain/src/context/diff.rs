//! What changed from one context to another, in the words of the form.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use super::Sections;
use crate::{
    answer::folded,
    step::{Definition, Field, Kind, Slug},
};

/// What became of a step, a field or an item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is there only in the second.
    Added,
    /// It is there only in the first.
    Removed,
    /// It is in both, and is another.
    Changed,
    /// The items of a list are the same in another order.
    Reordered,
}

/// A step whose answers differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepDifference {
    /// The step.
    pub step: Slug,
    /// What became of its answer as a whole.
    pub change: Change,
    /// What differs in it, in the order of the form.
    pub fields: Vec<FieldDifference>,
}

/// One place that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldDifference {
    /// A JSON pointer to it: into the first answer where it was removed, into the second otherwise.
    pub pointer: String,
    /// The labels that lead to it, as the form shows them.
    pub label: String,
    /// What became of it.
    pub change: Change,
    /// What it was.
    pub before: Option<Value>,
    /// What it is.
    pub after: Option<Value>,
}

/// Compares the answers of two contexts; nothing for a step that has the same answer in both, or none. Lists are compared by their
/// items, wherever these stand.
#[must_use]
pub fn compare(before: &Sections, after: &Sections) -> Vec<StepDifference> {
    let steps = Definition::current().steps.iter().filter_map(|step| {
        let (old, new) = (before.get(&step.slug), after.get(&step.slug));
        let change = what(old, new)?;
        let mut fields = Vec::new();
        object(step.fields, old.unwrap_or(&Value::Null), new.unwrap_or(&Value::Null), &Place::default(), &mut fields);
        Some(StepDifference { step: step.slug, change, fields })
    });
    steps.collect()
}

fn what(before: Option<&Value>, after: Option<&Value>) -> Option<Change> {
    match (before, after) {
        (None, None) => None,
        (None, Some(_)) => Some(Change::Added),
        (Some(_), None) => Some(Change::Removed),
        (Some(old), Some(new)) => (old != new).then_some(Change::Changed),
    }
}

/// Where something stands: the pointer and the label.
#[derive(Debug, Clone, Default)]
struct Place {
    before: String,
    after: String,
    label: String,
}

impl Place {
    fn field(&self, field: &Field) -> Self {
        let label = if self.label.is_empty() { field.label.to_owned() } else { format!("{}: {}", self.label, field.label) };
        Self { before: format!("{}/{}", self.before, field.name), after: format!("{}/{}", self.after, field.name), label }
    }

    fn item(&self, old: Option<usize>, new: Option<usize>, name: &str) -> Self {
        let at = |list: &str, index: Option<usize>| index.map_or_else(|| list.to_owned(), |index| format!("{list}/{index}"));
        Self { before: at(&self.before, old), after: at(&self.after, new), label: format!("{} “{name}”", self.label) }
    }

    fn note(self, change: Change, before: Option<&Value>, after: Option<&Value>, out: &mut Vec<FieldDifference>) {
        let pointer = if change == Change::Removed { self.before } else { self.after };
        out.push(FieldDifference { pointer, label: self.label, change, before: before.cloned(), after: after.cloned() });
    }
}

fn object(fields: &[Field], before: &Value, after: &Value, place: &Place, out: &mut Vec<FieldDifference>) {
    for field in fields {
        let (old, new) = (before.get(field.name), after.get(field.name));
        let Some(change) = what(old, new) else { continue };
        let place = place.field(field);
        match (field.kind, old.and_then(Value::as_array), new.and_then(Value::as_array)) {
            (Kind::TextList { .. }, Some(old), Some(new)) => list(None, old, new, &place, out),
            (Kind::ObjectList { fields, .. }, Some(old), Some(new)) => list(Some(fields), old, new, &place, out),
            _ => place.note(change, old, new, out),
        }
    }
}

/// An item is known again by its text, or by the first text that it must have.
fn list(fields: Option<&[Field]>, before: &[Value], after: &[Value], place: &Place, out: &mut Vec<FieldDifference>) {
    let mut taken = HashSet::new();
    let mut moved = false;
    let mut last = None;
    let noted = out.len();
    for (index, new) in after.iter().enumerate() {
        let found = before.iter().enumerate().find(|(at, old)| !taken.contains(at) && same(fields, old, new));
        let Some((at, old)) = found else {
            place.item(None, Some(index), &name(fields, new)).note(Change::Added, None, Some(new), out);
            continue;
        };
        taken.insert(at);
        moved |= last.is_some_and(|last| at < last);
        last = Some(at);
        if let Some(fields) = fields {
            object(fields, old, new, &place.item(Some(at), Some(index), &name(Some(fields), new)), out);
        } else if old != new {
            place.item(Some(at), Some(index), &name(None, new)).note(Change::Changed, Some(old), Some(new), out);
        }
    }
    for (at, old) in before.iter().enumerate().filter(|(at, _)| !taken.contains(at)) {
        place.item(Some(at), None, &name(fields, old)).note(Change::Removed, Some(old), None, out);
    }
    if moved && out.len() == noted {
        place.clone().note(Change::Reordered, Some(&before.into()), Some(&after.into()), out);
    }
}

fn name(fields: Option<&[Field]>, item: &Value) -> String {
    let text = match fields {
        None => item.as_str(),
        Some(fields) => identity(fields).and_then(|field| item.get(field.name)).and_then(Value::as_str),
    };
    text.unwrap_or_default().to_owned()
}

fn same(fields: Option<&[Field]>, a: &Value, b: &Value) -> bool {
    let (a, b) = (name(fields, a), name(fields, b));
    !a.is_empty() && folded(&a) == folded(&b)
}

fn identity(fields: &[Field]) -> Option<&Field> {
    fields.iter().find(|field| field.required && matches!(field.kind, Kind::Text { .. } | Kind::LongText { .. }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sections(answers: &Value) -> Sections {
        answers.as_object().unwrap().iter().map(|(slug, answer)| (slug.parse().unwrap(), answer.clone())).collect()
    }

    /// What differs, as `change pointer`.
    fn differences(before: &Value, after: &Value) -> Vec<String> {
        let steps = compare(&sections(before), &sections(after));
        let name = |change: Change| json!(change).as_str().unwrap().to_owned();
        steps
            .iter()
            .flat_map(|step| {
                std::iter::once(format!("{} {}", name(step.change), step.step))
                    .chain(step.fields.iter().map(move |field| format!("{} {} ({})", name(field.change), field.pointer, field.label)))
            })
            .collect()
    }

    #[test]
    fn the_same_answers_have_no_difference() {
        let acme: Value = serde_json::from_str(include_str!("../../tests/fixtures/answers/acme.json")).unwrap();
        assert_eq!(differences(&acme, &acme), Vec::<String>::new());
    }

    #[test]
    fn steps_and_fields_come_go_and_change() {
        let before = json!({"company": {"company_name": "Acme", "stage": "seed"}, "evidence": {"evidence": []}});
        let after = json!({"company": {"company_name": "Acme Ltd", "website": "https://a.example"}, "review": {"confirmed": true}});
        assert_eq!(
            differences(&before, &after),
            [
                "changed company",
                "changed /company_name (Company name)",
                "added /website (Website)",
                "removed /stage (Stage)",
                "removed evidence",
                "removed /evidence (Evidence)",
                "added review",
                "added /confirmed (I have reviewed the answers)",
            ]
            .map(|line| line
                .replace("I have reviewed the answers", crate::step::Definition::current().step("review").unwrap().fields[0].label))
        );
    }

    #[test]
    fn items_are_known_again_wherever_they_stand() {
        let before = json!({"competitors": {"competitors": [
            {"name": "Alpha", "strengths": ["Price", "Reach"]}, {"name": "Beta"}, {"name": "Gamma", "kind": "direct"},
        ]}});
        let after = json!({"competitors": {"competitors": [
            {"name": "gamma", "kind": "indirect"}, {"name": "Alpha", "strengths": ["Reach", "Speed"]}, {"name": "Delta"},
        ]}});
        assert_eq!(
            differences(&before, &after),
            [
                "changed competitors",
                "changed /competitors/0/name (Competitors “gamma”: Name)",
                "changed /competitors/0/kind (Competitors “gamma”: Kind)",
                "added /competitors/1/strengths/1 (Competitors “Alpha”: Strengths “Speed”)",
                "removed /competitors/0/strengths/0 (Competitors “Alpha”: Strengths “Price”)",
                "added /competitors/2 (Competitors “Delta”)",
                "removed /competitors/1 (Competitors “Beta”)",
            ]
        );
    }

    #[test]
    fn an_order_that_alone_changed_is_told() {
        let list = |dos: &Value| json!({"guardrails": {"dos": dos}});
        assert_eq!(
            differences(&list(&json!(["a", "b", "c"])), &list(&json!(["c", "a", "b"]))),
            ["changed guardrails", "reordered /dos (Dos)"].map(|line| {
                line.replace("Dos", crate::step::Definition::current().step("guardrails").unwrap().field("dos").unwrap().label)
            })
        );
    }
}
