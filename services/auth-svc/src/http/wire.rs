//! Supabase Auth's objects.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use service_kit::rate_limit::Decision;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{session_cookie::SessionCookie, throttle};
use crate::{provider::session::Issued, store::user::User};

/// An error of Supabase Auth, for OpenAPI documents. With `X-Supabase-Api-Version: 2024-01-01` or later it is
/// `{code, message}` with the text code in `code`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SupabaseError {
    /// HTTP status.
    code: u16,
    /// Stable code, for example `invalid_credentials`.
    error_code: String,
    /// What went wrong, for a person.
    msg: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionBody {
    /// A JWT.
    access_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u32,
    /// Seconds since the epoch.
    expires_at: i64,
    /// Good once; see the refresh grant. Absent when it travels in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    user: UserBody,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserBody {
    id: Uuid,
    aud: &'static str,
    role: &'static str,
    email: String,
    phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_confirmed_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation_sent_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_sent_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reauthentication_sent_at: Option<DateTime<Utc>>,
    /// The address that the account is to move to.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_change_sent_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sign_in_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    banned_until: Option<DateTime<Utc>>,
    /// Second factors; absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    factors: Option<Value>,
    #[schema(value_type = Object)]
    app_metadata: Value,
    #[schema(value_type = Object)]
    user_metadata: Value,
    #[schema(value_type = Vec<Object>)]
    identities: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    is_anonymous: bool,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let email = user.email.unwrap_or_default();
        // There is one way to sign in, so the identity is the user.
        let mut identity_data = user.user_metadata.clone();
        if let Some(members) = identity_data.as_object_mut() {
            members.insert("sub".into(), json!(user.id));
            members.insert("email".into(), json!(email));
            members.insert("email_verified".into(), json!(user.email_confirmed_at.is_some()));
            members.insert("phone_verified".into(), json!(false));
        }
        let identities = json!([{
            "identity_id": user.id,
            "id": user.id,
            "user_id": user.id,
            "identity_data": identity_data,
            "provider": "email",
            "last_sign_in_at": user.last_sign_in_at,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
            "email": email,
        }]);
        Self {
            id: user.id,
            aud: "authenticated",
            role: "authenticated",
            email,
            phone: user.phone.unwrap_or_default(),
            email_confirmed_at: user.email_confirmed_at,
            confirmed_at: user.email_confirmed_at,
            invited_at: user.invited_at,
            confirmation_sent_at: user.confirmation_sent_at,
            recovery_sent_at: user.recovery_sent_at,
            reauthentication_sent_at: user.reauthentication_sent_at,
            // With the change done there is nothing to tell of.
            email_change_sent_at: user.email_change_sent_at.filter(|_| user.new_email.is_some()),
            new_email: user.new_email,
            last_sign_in_at: user.last_sign_in_at,
            banned_until: user.banned_until,
            factors: user.factors,
            app_metadata: user.app_metadata,
            user_metadata: user.user_metadata,
            identities,
            created_at: user.created_at,
            updated_at: user.updated_at,
            is_anonymous: user.is_anonymous,
        }
    }
}

impl SessionBody {
    fn new(issued: Issued, with_refresh_token: bool) -> Self {
        Self {
            access_token: issued.access.token,
            token_type: "bearer",
            expires_in: issued.access.expires_in_s,
            expires_at: issued.access.expires_at,
            refresh_token: with_refresh_token.then_some(issued.refresh_token),
            user: issued.user.into(),
        }
    }
}

/// Nothing to say: what was asked for is done, or would be if the account existed.
pub(super) fn nothing(decision: Option<Decision>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    throttle::tell(&mut response, decision);
    response.insert_header(("Cache-Control", "no-store")).json(json!({}))
}

/// Answers with a user and no session.
pub(super) fn user(user: User, decision: Option<Decision>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    throttle::tell(&mut response, decision);
    response.insert_header(("Cache-Control", "no-store")).json(UserBody::from(user))
}

/// Answers with a session, which nothing on the way may keep.
pub(super) fn session(issued: Issued, cookie: Option<SessionCookie>, decision: Option<Decision>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    throttle::tell(&mut response, decision);
    if let Some(cookie) = cookie {
        cookie.keep(&mut response, &issued.refresh_token);
    }
    response
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("sb-auth-user-id", issued.user.id.to_string()))
        .insert_header(("sb-auth-session-id", issued.session.to_string()))
        .json(SessionBody::new(issued, cookie.is_none()))
}
