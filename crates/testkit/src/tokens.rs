//! Access tokens as Supabase Auth writes them, signed with a shared secret that test configurations accept.

use chrono::{TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use uuid::Uuid;

/// Secret of test tokens (`auth.jwt_secret` of a test configuration).
pub const JWT_SECRET: &str = "a-secret-that-only-tests-know-0123456789";
/// Issuer of test tokens.
pub(crate) const ISSUER: &str = "http://auth.test/auth/v1";

/// A token of the user, valid for `life` from now (negative: expired).
pub fn issue_token(user: Uuid, email: &str, life: TimeDelta) -> String {
    issue_token_with(user, email, life, "aal1", None)
}

/// The same for a session of assurance level `aal` and a user with `role` in the whole deployment. The embedded
/// provider has no second factor yet, so `aal2` comes from here only.
#[expect(clippy::disallowed_methods, reason = "the services under test compare with the system's clock")]
pub fn issue_token_with(user: Uuid, email: &str, life: TimeDelta, aal: &str, role: Option<&str>) -> String {
    let now = Utc::now();
    let claims = json!({
        "sub": user, "email": email, "aud": "authenticated", "role": "authenticated", "iss": ISSUER, "aal": aal,
        "session_id": Uuid::now_v7(), "iat": now.timestamp(), "exp": (now + life).timestamp(),
        "app_metadata": {"provider": "email", "groundwork_role": role}, "user_metadata": {},
    });
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes())).unwrap()
}
