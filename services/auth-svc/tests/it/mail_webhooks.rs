//! Webhooks about mails.

use reqwest::StatusCode;
use serde_json::json;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_about_a_mail_is_refused_without_a_secret_and_with_one_that_did_not_sign_it() {
    for secret in ["", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let rig = Rig::start_with(&[("RESEND_WEBHOOK_SECRET", secret)]).await;
        let event = json!({"type": "email.complained", "data": {"email_id": "e", "to": ["ann@example.test"]}});
        let answer = rig.post("/api/auth/mail/webhook", event).await;
        assert_eq!((answer.status, answer.text("/code").as_str()), (StatusCode::UNAUTHORIZED, "GW-0030"), "{secret:?}");
        assert_eq!(rig.database.number("select count(*) from identity.mail_suppression").await, 0);
    }
}
