//! Sessions of browsers (`X-Session-Mode: cookie`): the refresh token travels in a cookie that no script can read.
//!
//! The header is part of the protection: another site can neither set it without our consent nor make the browser send the
//! cookie along (`SameSite=Strict`).

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    cookie::{Cookie, SameSite, time::Duration},
};

use crate::provider::Provider;

const HEADER: &str = "x-session-mode";
/// Browsers take a cookie with this prefix only over TLS.
const NAME_OVER_TLS: &str = "__Secure-groundwork-refresh";
const NAME: &str = "groundwork-refresh";
/// Only the identity provider gets it.
const PATH: &str = "/auth/v1";
/// Each refresh sets it anew: whoever does not come back for so long signs in again.
const LIFE: Duration = Duration::days(30);

/// The cookie of a request that asks for this mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionCookie {
    over_tls: bool,
}

impl SessionCookie {
    /// `None` for clients that keep the refresh token themselves.
    pub(super) fn wanted(request: &HttpRequest, provider: &Provider) -> Option<Self> {
        let wanted = request.headers().get(HEADER).is_some_and(|mode| mode == "cookie");
        wanted.then(|| Self { over_tls: provider.issuer.starts_with("https://") })
    }

    const fn name(self) -> &'static str {
        if self.over_tls { NAME_OVER_TLS } else { NAME }
    }

    /// The refresh token that the browser brought.
    pub(super) fn token(self, request: &HttpRequest) -> Option<String> {
        request.cookie(self.name()).map(|cookie| cookie.value().to_owned())
    }

    /// Gives the browser the refresh token.
    pub(super) fn keep(self, response: &mut HttpResponseBuilder, token: &str) {
        response.cookie(self.cookie(token, LIFE));
    }

    /// Takes it away.
    pub(super) fn drop(self, response: &mut HttpResponse) {
        // A value that was built here is well-formed.
        let _ = response.add_cookie(&self.cookie("", Duration::ZERO));
    }

    fn cookie(self, token: &str, life: Duration) -> Cookie<'static> {
        Cookie::build(self.name(), token.to_owned())
            .path(PATH)
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.over_tls)
            .max_age(life)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_and_no_other_site_gets_the_cookie() {
        let cookie = SessionCookie { over_tls: true }.cookie("abc", LIFE).to_string();
        assert_eq!(cookie, "__Secure-groundwork-refresh=abc; HttpOnly; SameSite=Strict; Secure; Path=/auth/v1; Max-Age=2592000");
        assert!(!SessionCookie { over_tls: false }.cookie("abc", LIFE).to_string().contains("Secure"));
    }
}
