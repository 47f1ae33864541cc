//! The audit log is a chain, and a broken one is noticed.

use std::process::ExitCode;

use service_kit::audit::chain::{self, AuditCommand};

use crate::rig::Rig;

async fn verify(rig: &Rig) -> (ExitCode, String) {
    let kit = rig.kit();
    let mut out = Vec::new();
    let code = AuditCommand::Verify { json: false }.run(&kit, &mut out).await.unwrap();
    (code, String::from_utf8(out).unwrap())
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
