//! What no honest form sends, to every field: refused with a pointer to it, and nothing changes.

use domain::step::{Definition, Field, Kind};
use serde_json::{Value, json};
use testkit::Running;

use crate::rig::Rig;

struct Bad {
    rig: Rig,
    service: Running,
    client: reqwest::Client,
}

impl Bad {
    async fn new() -> Self {
        let rig = Rig::unlocked().await;
        let service = rig.replica(&[("GROUNDWORK__LIMITS__PROFILE", "load")]);
        Self { client: service_kit::http_client(std::time::Duration::from_secs(10)).unwrap(), rig, service }
    }

    /// Sends bytes as a draft; answers the status and the pointers.
    async fn send(&self, slug: &str, body: Vec<u8>) -> (u16, Vec<String>) {
        let request = self.client.put(format!("{}/api/onboarding/steps/{slug}/draft", self.service.url));
        let request = request.bearer_auth(&self.rig.person.token).header("If-Match", r#""0""#).header("Content-Type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        let pointers = body["errors"].as_array().into_iter().flatten().filter_map(|error| error["pointer"].as_str().map(str::to_owned));
        (status, pointers.collect())
    }

    /// An answer must be refused, with a pointer that begins with this one.
    async fn refused(&self, slug: &str, answer: &Value, pointer: &str) {
        let (status, pointers) = self.send(slug, json!({"answer": answer}).to_string().into_bytes()).await;
        let shown = answer.to_string().chars().take(120).collect::<String>();
        assert_eq!(status, 422, "{slug} {pointer}: {shown}");
        assert!(pointers.iter().any(|found| found.starts_with(pointer)), "{slug} {pointer}: {pointers:?} for {shown}");
    }

    async fn assert_nothing_changed(&self) {
        assert_eq!(self.rig.database.number("select count(*) from onboarding.draft").await, 0);
    }
}

/// Another field of an item than this one, with a value for it.
fn filler(fields: &[Field], member: &str) -> (&'static str, Value) {
    let value = |field: &Field| match field.kind {
        Kind::Text { .. } | Kind::LongText { .. } => Some(json!("something")),
        Kind::Enum { options } => Some(json!(options[0].value)),
        Kind::Integer { min, .. } => Some(json!(min)),
        Kind::Amount { .. } => Some(json!(1)),
        _ => None,
    };
    fields.iter().filter(|field| field.name != member).find_map(|field| Some((field.name, value(field)?))).unwrap()
}

/// A step, a field of it, the field's pointer, and what makes the answer that holds a value there.
type Place = (&'static str, Field, String, Box<dyn Fn(Value) -> Value>);

/// Every field of every step.
fn places() -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for step in Definition::current().steps {
        for field in step.fields {
            let name = field.name;
            places.push((step.slug.as_str(), *field, format!("/answer/{name}"), Box::new(move |value| json!({name: value}))));
            if let Kind::ObjectList { fields, .. } = field.kind {
                for inner in fields {
                    let member = inner.name;
                    // An item of nothing but blanks is dropped, whatever these are.
                    let (other, filler) = filler(fields, member);
                    let pointer = format!("/answer/{name}/0/{member}");
                    let with = move |value| json!({ name: [{ member: value, other: filler.clone() }] });
                    places.push((step.slug.as_str(), *inner, pointer, Box::new(with)));
                }
            }
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_types_in_every_field_are_refused() {
    let bad = Bad::new().await;
    let mut sent = 0;
    for (slug, field, pointer, with) in places() {
        let wrong: Vec<Value> = match field.kind {
            Kind::Text { .. } | Kind::LongText { .. } | Kind::Url { .. } | Kind::Enum { .. } | Kind::Date | Kind::Currency => {
                vec![json!(7), json!(true), json!([]), json!({}), json!(["x"]), json!(1e300)]
            }
            Kind::Integer { .. } | Kind::Year { .. } | Kind::Amount { .. } => {
                vec![json!("7"), json!(true), json!([7]), json!({}), json!(1.5), json!(-1e300), json!(1e300)]
            }
            Kind::Number { .. } => vec![json!("1"), json!(true), json!([1]), json!({}), json!(-1), json!(2)],
            Kind::Money { .. } => {
                vec![json!(7), json!("7"), json!([]), json!({"amount_minor": "7"}), json!({"currency": 7}), json!({"x": 1})]
            }
            Kind::Boolean { .. } => vec![json!(1), json!("true"), json!([]), json!({})],
            Kind::TextList { .. } => vec![json!("x"), json!(7), json!({}), json!([7]), json!([["x"]]), json!([{}, 7]), json!([true])],
            Kind::ObjectList { .. } => vec![json!("x"), json!(7), json!({}), json!(["x"]), json!([7]), json!([{"nothing": 1}])],
        };
        for value in wrong {
            bad.refused(slug, &with(value), &pointer).await;
            sent += 1;
        }
    }
    assert!(sent > 500, "{sent}");
    bad.assert_nothing_changed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_ten_times_the_length_and_hidden_characters_are_refused_in_every_field() {
    let bad = Bad::new().await;
    for (slug, field, pointer, with) in places() {
        let (max, list) = match field.kind {
            Kind::Text { max, .. } | Kind::LongText { max, .. } => (max, false),
            Kind::Url { max_bytes } => {
                bad.refused(slug, &with(json!(format!("https://a.example/{}", "x".repeat(10 * max_bytes)))), &pointer).await;
                continue;
            }
            Kind::TextList { max, max_items, .. } => {
                let many: Vec<_> = (0..10 * max_items).map(|n| format!("item {n}")).collect();
                bad.refused(slug, &with(json!(many)), &pointer).await;
                (max, true)
            }
            _ => continue,
        };
        let one = |text: String| if list { json!([text]) } else { json!(text) };
        bad.refused(slug, &with(one("x".repeat(10 * max))), &pointer).await;
        bad.refused(slug, &with(one("👩‍👩‍👧‍👦".repeat(max))), &pointer).await;
        for hidden in ['\0', '\u{7}', '\u{1b}', '\u{85}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{2060}', '\u{feff}'] {
            bad.refused(slug, &with(one(format!("a{hidden}b"))), &pointer).await;
        }
    }
    bad.assert_nothing_changed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_nesting_is_refused_in_every_field() {
    let bad = Bad::new().await;
    for (slug, field, pointer, with) in places() {
        let mut deep = json!("x");
        for level in 0..100 {
            deep = if level % 2 == 0 { json!([deep]) } else { json!({ "x": deep }) };
        }
        if matches!(field.kind, Kind::TextList { .. } | Kind::ObjectList { .. }) {
            deep = json!([[deep]]);
        }
        bad.refused(slug, &with(deep), &pointer).await;
    }
    bad.assert_nothing_changed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_json_is_refused_with_a_pointer_to_where_it_breaks() {
    let bad = Bad::new().await;
    let surrogate = br#"{"answer": {"company_name": "a\ud800b"}}"#.to_vec();
    for (body, status, pointer) in [
        (surrogate, 400, "/answer/company_name"),
        (br#"{"answer": {"company_name": "\udc00\ud800"}}"#.to_vec(), 400, "/answer/company_name"),
        (b"{\"answer\": {\"company_name\": \"a\x00b\"}}".to_vec(), 400, "/answer/company_name"),
        (b"{\"answer\": {\"company_name\": \"a\xffb\"}}".to_vec(), 400, "/answer/company_name"),
        (br#"{"answer": {"company_name": "a", "company_name": "b"}}"#.to_vec(), 422, "/answer/company_name"),
        (br#"{"answer": {"company_name": "a"}, "answer": {}}"#.to_vec(), 422, ""),
        (br#"{"answer": {"evidence": [{"title": "a", "title": "b"}]}}"#.to_vec(), 422, "/answer/evidence/0/title"),
        (br#"{"answer": {"employee_count": 1e999}}"#.to_vec(), 400, "/answer/employee_count"),
        (br#"{"answer": {"employee_count": 01}}"#.to_vec(), 400, "/answer"),
        (br#"{"answer": {"company_name": NaN}}"#.to_vec(), 400, "/answer/company_name"),
        (br#"{"answer": {"company_name": "a"}"#.to_vec(), 400, ""),
        (br#"{"answer": {"company_name": "a"}} {}"#.to_vec(), 400, ""),
        (format!("{{\"answer\": {{\"company_name\": {}{}}}}}", "[".repeat(200), "]".repeat(200)).into_bytes(), 400, "/answer/company_name"),
    ] {
        let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
        let (found, pointers) = bad.send("company", body).await;
        assert_eq!(found, status, "{shown}");
        assert!(pointer.is_empty() || pointers.iter().any(|found| found.starts_with(pointer)), "{shown}: {pointers:?}");
    }
    let megabyte = format!(r#"{{"answer": {{"company_name": "{}"}}}}"#, "x".repeat(1 << 20)).into_bytes();
    assert_eq!(bad.send("company", megabyte).await.0, 413);
    assert_eq!(bad.send("company", vec![b'['; 1 << 17]).await.0, 400);
    bad.assert_nothing_changed().await;
}
