//! Who operates the deployment: the role in `app_metadata`, in a session with a second factor.

use chrono::TimeDelta;
use serde_json::Value;
use testkit::{Database, Running, config, issue_token_with, person};

use crate::probe::Probe;

#[tokio::test(flavor = "multi_thread")]
async fn only_an_operator_with_a_second_factor_is_let_in() {
    let database = Database::create().await;
    let running = Running::start::<Probe>(config::<Probe>(&database, None, &[]), false);
    let someone = person(&database).await;
    let token = |aal, role| issue_token_with(someone.user, &someone.email, TimeDelta::hours(1), aal, role);
    let client = service_kit::http_client(std::time::Duration::from_secs(10)).unwrap();
    for (token, expected) in [
        (None, (401, "GW-0004")),
        (Some(someone.token.clone()), (403, "GW-0005")),
        (Some(token("aal2", None)), (403, "GW-0005")),
        (Some(token("aal2", Some("owner"))), (403, "GW-0005")),
        (Some(token("aal1", Some("operator"))), (403, "GW-0028")),
        (Some(token("aal2", Some("operator"))), (200, "")),
    ] {
        let mut request = client.get(format!("{}/operator", running.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        assert_eq!((status, body["code"].as_str().unwrap_or_default()), expected, "{body}");
    }
}
