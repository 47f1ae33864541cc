//! The audit log is a chain, and a broken one is noticed.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::json;
use service_kit::audit::chain::{self, AuditCommand};

use crate::rig::{Answer, Rig};

async fn verify(rig: &Rig) -> (ExitCode, String) {
    let kit = rig.kit();
    let mut out = Vec::new();
    let code = AuditCommand::Verify { json: false }.run(&kit, &mut out).await.unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_export_the_log_of_their_workspace_when_their_plan_says_so() {
    let rig = Rig::start().await;
    let (owner, stranger) = (rig.sign_up().await, rig.sign_up().await);
    let token = owner.text("/access_token");
    let workspace = rig.send(Method::POST, "/api/auth/ensure-profile", Some(&token), None).await.text("/workspace/id");
    rig.send(Method::POST, "/api/auth/ensure-profile", Some(&stranger.text("/access_token")), None).await;
    for name in ["One", "Two", "Three"] {
        let renamed = rig.send(Method::PATCH, "/api/auth/workspace", Some(&token), Some(&json!({"name": name}))).await;
        assert_eq!(renamed.status, 200, "{renamed:?}");
    }
    let ask = async |query: &str| -> Answer { rig.get(&format!("/api/auth/workspace/audit{query}"), &token).await };
    let refused = ask("").await;
    assert_eq!((refused.status.as_u16(), refused.text("/code")), (402, "AUTH-0013".into()));
    let soar = "insert into identity.gate_subscription (workspace_id, subscription_id, plan, status, period_end, entitlements, sequence) \
                values ('ID', identity.uuid_v7(), 'soar', 'active', now(), '{\"audit_export\": true}', 1)";
    rig.run(&soar.replace("ID", &workspace)).await;
    chain::seal(&rig.kit().worker_db).await.unwrap();

    let first = ask("?limit=2").await;
    assert_eq!(first.status, 200, "{first:?}");
    let rest = ask(&format!("?cursor={}", first.text("/next_cursor"))).await;
    assert!(rest.body.get("next_cursor").is_none());
    let entries: Vec<_> = [first, rest].iter().flat_map(|page| page.body["items"].as_array().unwrap().clone()).collect();
    assert_eq!(entries.iter().filter(|entry| entry["action"] == "workspace.rename").count(), 3);
    assert_eq!(entries.iter().map(|entry| entry["number"].as_i64().unwrap()).collect::<Vec<_>>(), (1..=3).collect::<Vec<_>>());
    assert!(entries.iter().all(|entry| entry["hash"].as_str().unwrap().len() == 64 && entry["actor_id"] == owner.text("/user/id")));
    for (query, code) in [("?cursor=x", "GW-0029"), ("?limit=0", "GW-0021"), ("?limit=1001", "GW-0021")] {
        assert_eq!(ask(query).await.text("/code"), code, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_sealed_once_by_any_number_of_processes_and_verify_as_whole() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        let session = rig.sign_up().await;
        rig.send(reqwest::Method::POST, "/api/auth/ensure-profile", Some(&session.text("/access_token")), None).await;
    }
    let entries = rig.database.number("select count(*) from identity.audit_log").await;
    let kit = rig.kit();
    let sealed = futures_util::future::join_all((0..4).map(|_| chain::seal(&kit.worker_db))).await;
    assert_eq!(sealed.into_iter().map(|sealed| i64::from(sealed.unwrap())).sum::<i64>(), entries);
    let (code, said) = verify(&rig).await;
    assert_eq!(code, ExitCode::SUCCESS, "{said}");
    assert!(said.contains(&format!("is whole: {entries} entries sealed in")) && said.contains(" 0 wait"), "{said}");
    rig.sign_up().await;
    assert!(verify(&rig).await.1.contains(" 1 wait"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_changed_taken_away_or_moved_is_found() {
    for (harm, fault) in [
        (
            "update identity.audit_log set detail = '{}' where seal_no = 3",
            "number 3 of 00000000-0000-0000-0000-000000000000): it was changed",
        ),
        (
            "update identity.audit_log set actor_id = identity.uuid_v7() where seal_no = 1",
            "number 1 of 00000000-0000-0000-0000-000000000000): it was changed",
        ),
        (
            "delete from identity.audit_log where seal_no = 2",
            "number 3 of 00000000-0000-0000-0000-000000000000): entries before it are missing",
        ),
        (
            "update identity.audit_log set outcome = 'refused' where seal_no = 2; \
             update identity.audit_log a set hash = identity.audit_digest(a, a.prev_hash) where seal_no = 2",
            "number 3 of 00000000-0000-0000-0000-000000000000): it does not follow the entry before it",
        ),
    ] {
        let rig = Rig::start().await;
        for _ in 0..4 {
            rig.sign_up().await;
        }
        while chain::seal(&rig.kit().worker_db).await.unwrap() > 0 {}
        assert_eq!(verify(&rig).await.0, ExitCode::SUCCESS);
        rig.run(harm).await;
        let (code, said) = verify(&rig).await;
        assert_eq!(code, ExitCode::FAILURE, "{harm}");
        assert!(said.contains(fault) && said.contains("NOT whole"), "{harm}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_itself_can_add_entries_and_not_change_them() {
    let rig = Rig::start().await;
    rig.sign_up().await;
    let mut connection = rig.database.service("auth_svc", "identity").await;
    for sql in ["update audit_log set hash = null", "update audit_log set seal_no = 7", "delete from audit_log"] {
        let refused = diesel_async::RunQueryDsl::execute(diesel::sql_query(sql), &mut connection).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{sql}: {refused}");
    }
}
