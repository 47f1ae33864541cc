//! Rate limits of the provider's endpoints.

use actix_web::HttpResponseBuilder;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use service_kit::{
    Kit,
    rate_limit::{Decision, Limit},
};

use super::error::Refusal;
use crate::{AuthService, provider::Origin};

/// Takes a token of each limit. Refuses by the first that is used up, else gives the one that is nearest to it.
pub(super) async fn take(kit: &Kit, limits: &[(Limit, String)]) -> Result<Option<Decision>, Refusal> {
    let mut tightest: Option<Decision> = None;
    for (limit, subject) in limits {
        let decision = kit.limits.take(*limit, subject).await;
        if !decision.allowed {
            return Err(Refusal::limited(&decision));
        }
        if tightest.is_none_or(|tightest| decision.remaining < tightest.remaining) {
            tightest = Some(decision);
        }
    }
    Ok(tightest)
}

/// Takes what a mail costs: of the client's address, and of the account that is to get it, known or not. `kind` tells mails
/// of one account apart.
pub(super) async fn take_mail(app: &AuthService, origin: &Origin, email: &str, kind: &str) -> Result<Option<Decision>, Refusal> {
    let rate = &app.config.rate;
    let decision = take(&app.kit, &[(rate.mails_per_address(), address(origin))]).await?;
    let to_account = app.kit.limits.take(rate.mails_per_account(), &format!("{kind}:{}", account(email))).await;
    if to_account.allowed { Ok(decision) } else { Err(Refusal::mailed_lately(&to_account)) }
}

/// Tells the client how much is left.
pub(super) fn tell(response: &mut HttpResponseBuilder, decision: Option<Decision>) {
    for (name, value) in decision.into_iter().flat_map(|decision| decision.headers()) {
        response.insert_header((name, value));
    }
}

/// The client's address as a subject.
pub(super) fn address(origin: &Origin) -> String {
    origin.ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
}

/// An account as a subject, known or not. Hashed: addresses of people do not belong in a cache's keys.
pub(super) fn account(email: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, email.to_lowercase().as_bytes()))
}
