//! Access tokens: who is let in, who is not, and what the caller is told.

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use testkit::{Database, Person, Running, config, issue_token, person};

use crate::probe::Probe;

async fn probe() -> (Database, Running, Person) {
    let database = Database::create().await;
    let running = Running::start::<Probe>(config::<Probe>(&database, None, &[]), false);
    let someone = person(&database).await;
    (database, running, someone)
}

fn client() -> reqwest::Client {
    service_kit::http_client(std::time::Duration::from_secs(10)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_token_identifies_its_user() {
    let (_database, running, someone) = probe().await;
    let answer = client().get(format!("{}/whoami", running.url)).bearer_auth(&someone.token).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, someone.user.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_expired_forged_or_unsigned_token_is_401_with_a_problem() {
    let (_database, running, someone) = probe().await;
    let expired = issue_token(someone.user, "a@example.test", TimeDelta::minutes(-5));
    let claims = json!({"sub": someone.user, "aud": "authenticated", "role": "authenticated", "iss": "http://auth.test/auth/v1", "exp": 4_000_000_000_i64});
    let forged = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(b"another secret of enough length.")).unwrap();
    let mut foreign = claims.clone();
    foreign["aud"] = json!("somebody-else");
    let foreign = encode(&Header::new(Algorithm::HS256), &foreign, &EncodingKey::from_secret(testkit::JWT_SECRET.as_bytes())).unwrap();
    let key = EncodingKey::from_secret(testkit::JWT_SECRET.as_bytes());
    let not_yet = [json!(4_000_000_000_i64), json!("4000000000"), json!(4_000_000_000.5), json!(1e20)].map(|begin| {
        let mut claims = claims.clone();
        claims["nbf"] = begin;
        encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
    });
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::HS256) };
    let critical = encode(&critical, &claims, &key).unwrap();
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4In0.";
    let not_yet = not_yet.iter().map(|token| Some(token.as_str()));
    let others = [None, Some(expired.as_str()), Some(&forged), Some(&foreign), Some(&critical), Some(unsigned), Some("rubbish")];
    for token in others.into_iter().chain(not_yet) {
        let request = client().get(format!("{}/whoami", running.url));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401, "{token:?}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "GW-0004");
        assert!(problem["request_id"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_gets_their_workspace_and_a_stranger_does_not_learn_that_it_exists() {
    let (database, running, owner) = probe().await;
    let stranger = person(&database).await;
    let url = format!("{}/workspace", running.url);
    let own = client().get(&url).bearer_auth(&owner.token).send().await.unwrap().text().await.unwrap();
    assert_eq!(own, format!("{} owner", owner.workspace));
    let ask = |workspace: String| client().get(&url).bearer_auth(&stranger.token).header("x-workspace-id", workspace).send();
    assert_eq!(ask(owner.workspace.to_string()).await.unwrap().status().as_u16(), 404);
    assert_eq!(ask(uuid::Uuid::now_v7().to_string()).await.unwrap().status().as_u16(), 404);
    assert_eq!(ask("not-a-uuid".into()).await.unwrap().status().as_u16(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_fetched_are_503_not_401() {
    let database = Database::create().await;
    let settings = [("SUPABASE_JWT_SECRET", ""), ("GROUNDWORK__AUTH__JWKS_URL", "http://127.0.0.1:1/jwks.json")];
    let running = Running::start::<Probe>(config::<Probe>(&database, None, &settings), false);
    let token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4In0.AAAA";
    let answer = client().get(format!("{}/whoami", running.url)).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.headers().contains_key("retry-after"));
}
