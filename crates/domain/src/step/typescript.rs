//! The steps as TypeScript: what an answer holds, and the definition that the form is drawn from.

use std::fmt::Write as _;

use super::{Definition, Field, Kind};

/// The definition's own types. A kind has the members that [`Kind`] serialises, which a test compares.
const DEFINITION: &str = r#"/** One entry of a closed list. */
export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** What a field holds and how far it goes. */
export type Kind =
  | { readonly kind: "text"; readonly min: number; readonly max: number }
  | { readonly kind: "long_text"; readonly min: number; readonly max: number }
  | { readonly kind: "url"; readonly max_bytes: number }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "year"; readonly min: number; readonly years_ahead: number }
  | { readonly kind: "number"; readonly min: number; readonly max: number }
  | { readonly kind: "amount"; readonly max: number }
  | { readonly kind: "money"; readonly max: number }
  | { readonly kind: "currency" }
  | { readonly kind: "boolean"; readonly must_be_true: boolean }
  | { readonly kind: "enum"; readonly options: readonly Choice[] }
  | { readonly kind: "date" }
  | { readonly kind: "text_list"; readonly min_items: number; readonly max_items: number; readonly max: number }
  | { readonly kind: "object_list"; readonly min_items: number; readonly max_items: number; readonly item: string; readonly fields: readonly Field[] };

/** One field of a step, or of an object in a list. */
export type Field = Kind & {
  readonly name: string;
  readonly label: string;
  readonly help?: string;
  readonly placeholder?: string;
  readonly required: boolean;
};

/** A group of steps under one title. */
export interface Phase {
  readonly number: number;
  readonly title: string;
}

/** One step: one page of the form, one answer. */
export interface Step {
  readonly number: number;
  readonly slug: StepSlug;
  readonly title: string;
  readonly phase: number;
  readonly minutes: number;
  readonly help: string;
  readonly optional: boolean;
  readonly fields: readonly Field[];
}

/** What `GET /api/onboarding/steps` answers. */
export interface Definition {
  readonly schema_version: string;
  readonly phases: readonly Phase[];
  readonly steps: readonly Step[];
}

/** An amount in minor units, such as paise. */
export interface Money {
  amount_minor: number;
  currency: Currency;
}
"#;

impl Definition {
    /// One module of TypeScript: the names of the steps, a complete answer to each, and the types of this definition.
    #[must_use]
    pub fn typescript(&self) -> String {
        let mut module =
            "// Generated from crates/domain/src/step: `UPDATE_SCHEMAS=1 cargo test -p domain --test steps` writes it anew.\n\n".to_owned();
        let slugs: Vec<_> = self.steps.iter().map(|step| step.slug.as_str()).collect();
        // Writing to a string does not fail.
        let _ = write!(
            module,
            "/** The version of the steps. */\nexport const SCHEMA_VERSION = \"{}\";\n\n\
             /** The steps, in order. */\nexport const STEP_SLUGS = [\n{}] as const;\n\n\
             /** The name of a step, as it stands in routes. */\nexport type StepSlug = (typeof STEP_SLUGS)[number];\n\n\
             /** A currency by its ISO 4217 code. */\nexport type Currency = {};\n\n{DEFINITION}",
            self.schema_version,
            lines(&slugs, |slug| format!("  \"{slug}\",")),
            union(super::CURRENCIES.iter().copied()),
        );
        for step in self.steps {
            let _ = write!(
                module,
                "\n/** {}. {}: {} */\nexport interface {} {{\n{}}}\n",
                step.number,
                step.title,
                step.help,
                interface(step.slug.as_str()),
                members(step.fields, "  ")
            );
        }
        let _ = write!(
            module,
            "\n/** A complete answer to each step. */\nexport interface Answers {{\n{}}}\n\n\
             /** Answers as they are saved while somebody types: any field may be missing, also in the items of lists. */\n\
             export type Draft<S extends StepSlug> = {{\n  [F in keyof Answers[S]]?: Answers[S][F] extends readonly (infer Item)[] | undefined\n    \
             ? (Item extends object ? Partial<Item> : Item)[]\n    : Answers[S][F] extends Money | undefined ? Partial<Money> : Answers[S][F];\n}};\n",
            lines(&slugs, |slug| format!("  \"{slug}\": {};", interface(slug)))
        );
        module
    }
}

fn lines(items: &[&str], line: impl Fn(&str) -> String) -> String {
    items.iter().fold(String::new(), |text, item| text + &line(item) + "\n")
}

/// `value-proposition` becomes `ValuePropositionAnswer`.
fn interface(slug: &str) -> String {
    let mut name = String::new();
    for word in slug.split('-') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name + "Answer"
}

fn union<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(" | ")
}

fn members(fields: &[Field], indent: &str) -> String {
    fields.iter().fold(String::new(), |text, field| {
        let optional = if field.required { "" } else { "?" };
        text + &format!("{indent}/** {} */\n{indent}{}{optional}: {};\n", says(field), field.name, of_kind(&field.kind, indent))
    })
}

/// The label, the help, and the bounds that a type cannot say.
fn says(field: &Field) -> String {
    let mut said = field.label.to_owned();
    for more in [field.help, &super::page::bounds(&field.kind)] {
        if !more.is_empty() {
            said = format!("{}. {}", said.trim_end_matches('.'), more);
        }
    }
    said.replace("*/", "* /")
}

fn of_kind(kind: &Kind, indent: &str) -> String {
    match *kind {
        Kind::Text { .. } | Kind::LongText { .. } | Kind::Url { .. } | Kind::Date => "string".to_owned(),
        Kind::Integer { .. } | Kind::Year { .. } | Kind::Number { .. } | Kind::Amount { .. } => "number".to_owned(),
        Kind::Money { .. } => "Money".to_owned(),
        Kind::Currency => "Currency".to_owned(),
        Kind::Boolean { must_be_true } => if must_be_true { "true" } else { "boolean" }.to_owned(),
        Kind::Enum { options } => union(options.iter().map(|option| option.value)),
        Kind::TextList { .. } => "string[]".to_owned(),
        Kind::ObjectList { fields, .. } => format!("{{\n{}{indent}}}[]", members(fields, &format!("{indent}  "))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    /// The members of each kind as they are served, by kind.
    fn served(fields: &Value, kinds: &mut BTreeMap<String, BTreeSet<String>>) {
        for field in fields.as_array().into_iter().flatten() {
            let own = ["name", "label", "help", "placeholder", "required", "kind"];
            let members = field.as_object().unwrap().keys().filter(|name| !own.contains(&name.as_str())).cloned().collect();
            kinds.insert(field["kind"].as_str().unwrap().to_owned(), members);
            served(&field["fields"], kinds);
        }
    }

    #[test]
    fn every_kind_is_typed_with_the_members_that_are_served() {
        let definition = serde_json::to_value(Definition::current()).unwrap();
        let mut kinds = BTreeMap::new();
        for step in definition["steps"].as_array().unwrap() {
            served(&step["fields"], &mut kinds);
        }
        assert_eq!(kinds.len(), 14, "a kind that no step uses is not looked at: {kinds:?}");
        for (kind, members) in kinds {
            let line = DEFINITION.lines().find(|line| line.contains(&format!("kind: \"{kind}\""))).unwrap_or_default();
            let typed: BTreeSet<String> =
                line.split("readonly ").skip(2).filter_map(|part| Some(part.split_once(':')?.0.to_owned())).collect();
            assert_eq!(typed, members, "{kind}");
        }
    }

    #[test]
    fn a_slug_names_its_interface() {
        assert_eq!(interface("company"), "CompanyAnswer");
        assert_eq!(interface("value-proposition"), "ValuePropositionAnswer");
    }
}
