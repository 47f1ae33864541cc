//! Extractors: a signed-in user, a member of the workspace that the request is about, an operator of the deployment.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::Poll,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header::AUTHORIZATION, web};
use domain::{
    ErrorCode,
    ids::{UserId, WorkspaceId},
    role::Role,
};
use uuid::Uuid;

use super::{claims::Claims, membership::AuthoriseError, verifier::AuthError};
use crate::{http::Problem, kit::Kit};

/// The role of those who run the deployment.
pub const OPERATOR: &str = "operator";

/// A request with a valid access token of a user.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The token's claims.
    pub claims: Claims,
}

/// A request of a member, for the workspace named by `X-Workspace-Id`, or the user's oldest one.
///
/// The role is at most five seconds old: reads may rely on it, writes ask [`super::authorise`] again.
#[derive(Debug, Clone)]
pub struct Member {
    /// The token's claims.
    pub claims: Claims,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The user's role in it.
    pub role: Role,
}

impl Member {
    /// The user.
    pub fn user(&self) -> UserId {
        self.claims.user
    }

    /// Refuses members below `required`.
    ///
    /// # Errors
    /// 403 when the role is too low.
    pub fn require(&self, required: Role) -> Result<(), Problem> {
        if self.role >= required { Ok(()) } else { Err(AuthoriseError::RoleTooLow.into()) }
    }
}

/// A request of somebody who is a member, or was ten minutes ago at most while the database does not answer: for reads that go
/// on without it.
#[derive(Debug, Clone)]
pub struct LastKnownMember(pub Member);

/// A request of an operator of the deployment: `app_metadata.groundwork_role` is `operator`, which only the identity
/// provider can write, in a session with a second factor (`aal2`) (decisions: *Operators*).
///
/// A role that was taken away ends with the token that carries it.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The token's claims.
    pub claims: Claims,
}

impl Operator {
    /// The operator's user.
    pub fn user(&self) -> UserId {
        self.claims.user
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => {
                Self::new(ErrorCode::Unauthenticated).detail("send an access token as a bearer token").header("WWW-Authenticate", "Bearer")
            }
            AuthError::Invalid | AuthError::Expired => Self::new(ErrorCode::Unauthenticated)
                .detail(error.to_string())
                .member("next", "sign_in")
                .header("WWW-Authenticate", r#"Bearer error="invalid_token""#),
            AuthError::KeysUnavailable => Self::unavailable(error),
        }
    }
}

impl From<AuthoriseError> for Problem {
    fn from(error: AuthoriseError) -> Self {
        match error {
            AuthoriseError::NotAMember => Self::new(ErrorCode::NotFound),
            AuthoriseError::RoleTooLow => Self::new(ErrorCode::Forbidden),
            AuthoriseError::Db(error) => error.into(),
        }
    }
}

fn kit_of(request: &HttpRequest) -> Result<web::Data<Kit>, Problem> {
    request.app_data::<web::Data<Kit>>().cloned().ok_or_else(|| Problem::internal("the kit is not part of the application's data"))
}

fn bearer(request: &HttpRequest) -> Result<&[u8], AuthError> {
    let value = request.headers().get(AUTHORIZATION).ok_or(AuthError::Missing)?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len()).ok_or(AuthError::Invalid)?;
    if scheme.eq_ignore_ascii_case(b"bearer ") { Ok(token.trim_ascii()) } else { Err(AuthError::Invalid) }
}

/// The caller is being looked for: an extractor of the request waits for the provider's keys.
struct Unidentified;

async fn authenticate(request: &HttpRequest, kit: &Kit) -> Result<Claims, Problem> {
    let mut verified = pin!(kit.verifier.verify(bearer(request)?));
    let claims = match futures_util::poll!(verified.as_mut()) {
        Poll::Ready(claims) => claims,
        Poll::Pending => {
            request.extensions_mut().insert(Unidentified);
            let claims = verified.await;
            request.extensions_mut().remove::<Unidentified>();
            claims
        }
    }?;
    if claims.role() == "authenticated" { Ok(claims) } else { Err(AuthError::Invalid.into()) }
}

/// Extractors run at once, so that one can refuse a request before another knows whose it is. Strangers are told nothing
/// else: this finishes what was under way.
///
/// # Errors
/// The refusal of a stranger.
pub(crate) async fn refuse_stranger(request: &HttpRequest) -> Result<(), Problem> {
    if request.extensions_mut().remove::<Unidentified>().is_none() {
        return Ok(());
    }
    let kit = kit_of(request)?;
    authenticate(request, &kit).await.map(|_| ())
}

fn named_workspace(request: &HttpRequest) -> Result<Option<WorkspaceId>, Problem> {
    let Some(value) = request.headers().get("x-workspace-id") else { return Ok(None) };
    let id = value.to_str().ok().and_then(|value| value.parse::<Uuid>().ok());
    id.map(|id| Some(WorkspaceId::from_uuid(id))).ok_or_else(|| Problem::new(ErrorCode::WorkspaceHeaderInvalid))
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let kit = kit_of(&request)?;
            Ok(Self { claims: authenticate(&request, &kit).await? })
        })
    }
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let kit = kit_of(&request)?;
            let claims = authenticate(&request, &kit).await?;
            if claims.groundwork_role() != Some(OPERATOR) {
                return Err(Problem::new(ErrorCode::Forbidden).detail("this is for operators of the deployment"));
            }
            if claims.assurance_level() != "aal2" {
                return Err(Problem::new(ErrorCode::SecondFactorRequired));
            }
            Ok(Self { claims })
        })
    }
}

async fn asked_for(request: &HttpRequest, kit: &Kit) -> Result<(Claims, WorkspaceId), Problem> {
    let claims = authenticate(request, kit).await?;
    let workspace = match named_workspace(request)? {
        Some(workspace) => workspace,
        None => kit
            .membership
            .default_workspace(claims.as_json())
            .await?
            .ok_or_else(|| Problem::new(ErrorCode::WorkspaceRequired).member("next", "create_workspace"))?,
    };
    Ok((claims, workspace))
}

impl FromRequest for Member {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let kit = kit_of(&request)?;
            let (claims, workspace) = asked_for(&request, &kit).await?;
            let role = kit.membership.role(workspace, claims.user).await?.ok_or(AuthoriseError::NotAMember)?;
            Ok(Self { claims, workspace, role })
        })
    }
}

impl FromRequest for LastKnownMember {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let kit = kit_of(&request)?;
            let (claims, workspace) = asked_for(&request, &kit).await?;
            let role = kit.membership.role_or_last_known(workspace, claims.user).await?.ok_or(AuthoriseError::NotAMember)?;
            Ok(Self(Member { claims, workspace, role }))
        })
    }
}
