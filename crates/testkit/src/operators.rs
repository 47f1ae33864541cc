//! What operators do by HTTP, the same in every service under its own prefix.

#![expect(clippy::indexing_slicing, reason = "what is not in an answer fails the test by panicking")]

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Database, Vhost, issue_token_with, person};

/// The operations below `/api/admin/{service}/` that every service has.
pub const OPERATIONS: [&str; 8] = [
    "get dead-letters",
    "get dead-letters/{id}",
    "get outbox",
    "get outbox/{id}",
    "post dead-letters/drop",
    "post dead-letters/replay",
    "post outbox/republish",
    "post outbox/unpark",
];

/// The parts of a service's API document that are for users and for operators, with the schemas that each needs.
///
/// # Panics
/// When the operators' part does not have exactly [`OPERATIONS`] and the service's `own`.
pub fn api_parts(document: impl Serialize, prefix: &str, own: &[&str]) -> (Value, Value) {
    let document = serde_json::to_value(document).unwrap();
    let (users, operators) =
        (part(&document, |path| !path.starts_with("/api/admin/")), part(&document, |path| path.starts_with("/api/admin/")));
    let names: BTreeSet<String> = operators["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let path = path.strip_prefix(prefix).unwrap_or(path).trim_start_matches('/');
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let expected: BTreeSet<String> = OPERATIONS.iter().chain(own).map(|name| (*name).to_owned()).collect();
    assert_eq!(names, expected);
    (users, operators)
}

fn part(document: &Value, wanted: impl Fn(&str) -> bool) -> Value {
    let mut part = document.clone();
    part["paths"].as_object_mut().unwrap().retain(|path, _| wanted(path));
    let all = part["components"]["schemas"].take();
    let (mut reached, mut next) = (BTreeSet::new(), schemas_in(&part));
    while let Some(name) = next.pop() {
        next.extend(schemas_in(&all[&name]).into_iter().filter(|name| !reached.contains(name)));
        reached.insert(name);
    }
    part["components"]["schemas"] = all;
    part["components"]["schemas"].as_object_mut().unwrap().retain(|name, _| reached.contains(name));
    part
}

fn schemas_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.strip_prefix("#/components/schemas/").map(str::to_owned).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(schemas_in).collect(),
        Value::Object(members) => members.values().flat_map(schemas_in).collect(),
        _ => Vec::new(),
    }
}

/// An operator of one service.
#[derive(Debug)]
pub struct Operator {
    url: String,
    client: reqwest::Client,
    /// The operator's user.
    pub user: Uuid,
    /// A token with a second factor.
    pub token: String,
    /// One without.
    pub aal1: String,
}

impl Operator {
    /// Somebody who may use the API at `url`, which ends with `/api/admin/{service}`.
    pub async fn new(database: &Database, url: String) -> Self {
        let someone = person(database).await;
        let token = |level| issue_token_with(someone.user, &someone.email, TimeDelta::hours(1), level, Some("operator"));
        let client = service_kit::http_client(Duration::from_secs(60)).unwrap();
        Self { url, client, user: someone.user, token: token("aal2"), aal1: token("aal1") }
    }

    /// A request with any token or none.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> reqwest::Response {
        let mut request = self.client.request(method, format!("{}/{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    /// What a GET of the operator gives.
    ///
    /// # Panics
    /// When it is not a success.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, Some(&self.token), None).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Status and body of an act of the operator.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self.send(Method::POST, path, Some(&self.token), Some(&body)).await;
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Asks every operation, and the service's `own`, without a token, as somebody who is no operator, and as one without a second
    /// factor.
    ///
    /// # Panics
    /// When one is not refused with its code.
    pub async fn assert_others_are_refused(&self, stranger: &str, own: &[&str]) {
        for (token, refusal) in [(None, (401, "GW-0004")), (Some(stranger), (403, "GW-0005")), (Some(self.aal1.as_str()), (403, "GW-0028"))]
        {
            for operation in OPERATIONS.iter().chain(own) {
                let (method, path) = operation.split_once(' ').unwrap();
                let path = path.replace("{id}", "0199a2b4-0000-7000-8000-000000000000");
                let method: Method = method.to_uppercase().parse().unwrap();
                let body = (method == Method::POST).then(|| json!({"all": true, "since": "2026-01-01T00:00:00Z", "why": "x"}));
                let answer = self.send(method, &path, token, body.as_ref()).await;
                let (status, problem) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
                assert_eq!((status, problem["code"].as_str().unwrap()), refusal, "{operation}");
            }
        }
    }

    /// Every act once, on dead letters of `queue` and a parked event in `schema`, which the test's own database and vhost
    /// get for it.
    ///
    /// # Panics
    /// When one does not do what it should, or leaves no audit row.
    pub async fn assert_every_act_works(&self, database: &Database, vhost: &Vhost, schema: &str, queue: &str) {
        let path = format!("api/exchanges/{}/groundwork.dead/publish", vhost.name());
        for payload in ["poison 1", "poison 2"] {
            let message = json!({
                "properties": {"delivery_mode": 2}, "routing_key": queue, "payload": payload, "payload_encoding": "string",
            });
            assert_eq!(vhost.request(Method::POST, &path, Some(message)).await["routed"], json!(true), "{queue}");
        }
        let letters = self.get("dead-letters").await;
        let id = letters["items"][0]["id"].as_str().unwrap().to_owned();
        let acts = [
            ("dead-letters/replay", json!({"filter": {"id": id}, "why": "a test"})),
            ("dead-letters/drop", json!({"all": true, "why": "a test"})),
            ("outbox/unpark", json!({"why": "a test"})),
            ("outbox/republish", json!({"since": "2020-01-01T00:00:00Z", "why": "a test"})),
        ];
        let sql = format!(
            "insert into {schema}.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, \
             occurred_at, attempts, parked_at, published_at) \
             select gen_random_uuid(), 'x', gen_random_uuid(), 1, 'x.y.v1', 'x', 'y', '{{}}', now(), 20, parked, published \
             from (values (now(), null), (null, now())) as rows (parked, published)"
        );
        diesel_async::RunQueryDsl::execute(diesel::sql_query(sql), &mut database.admin().await).await.unwrap();
        for (path, body) in acts {
            let (status, done) = self.post(path, body).await;
            assert_eq!((status, &done["matched"], &done["done"]), (200, &json!(1), &json!(1)), "{path}: {done}");
        }
        let audited = format!(
            "select count(*) from {schema}.audit_log where actor_id = '{}' and outcome = 'done' and detail ->> 'why' = 'a test' \
             and action in ('dead_letter.replay', 'dead_letter.drop', 'outbox.unpark', 'outbox.republish')",
            self.user
        );
        assert_eq!(database.number(&audited).await, 4);
    }
}
