//! `/api/auth/ensure-profile` and `/api/auth/verify-profile`.

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    get,
    http::header::{ETag, EntityTag, Header, IfNoneMatch},
    post, web,
};
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, ids::WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::{Authenticated, Claims},
    http::{FieldError, JsonBody, Problem, ProblemBody, RawBody, RequestId},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AuthService,
    gate::{self, ensure_profile::EnsureProfile, verify_profile::Gate},
    store::profile::{Membership, Profile},
};

/// Longest name, in characters.
const NAME_MAX_CHARS: usize = 100;

/// What the caller may wish for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnsureProfileBody {
    /// What the user is called, at most 100 characters. Only used where no profile exists yet.
    name: Option<String>,
}

/// A profile.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileBody {
    user_id: Uuid,
    email: Option<String>,
    /// May be empty.
    name: String,
    /// `pending`, `payment_confirmed`, `in_progress`, `completed` or `abandoned`.
    onboarding_status: String,
    created_at: DateTime<Utc>,
}

/// A workspace with the caller's role.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkspaceBody {
    id: Uuid,
    name: String,
    slug: String,
    /// `owner`, `admin` or `member`.
    role: String,
}

/// A provisioned user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnsuredBody {
    profile: ProfileBody,
    workspace: WorkspaceBody,
    /// Whether the workspace was made by this request.
    created: bool,
}

/// The subscription, as the last event told it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubscriptionBody {
    id: Uuid,
    plan: String,
    status: String,
    period_end: DateTime<Utc>,
    grace_end: Option<DateTime<Utc>>,
    /// Whether it allows use now.
    entitled: bool,
    #[schema(value_type = Object)]
    entitlements: Value,
}

/// An order that can be paid, or was confirmed a moment ago.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenOrderBody {
    id: Uuid,
    /// `pending` or `confirmed`.
    status: String,
    plan: String,
    cycle: String,
    /// Paise.
    amount: i64,
}

/// How far the onboarding is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OnboardingBody {
    status: String,
    steps_done: i32,
    steps_total: i32,
    percent: i32,
    next_step: Option<String>,
}

/// The manifest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManifestBody {
    ready: bool,
    version: Option<String>,
    checksum: Option<String>,
    generated_at: Option<DateTime<Utc>>,
    /// `missing`, `building`, `fresh`, `stale` or `expired`.
    freshness: &'static str,
}

/// What the gate says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GateBody {
    user_id: Uuid,
    email: Option<String>,
    profile: Option<ProfileBody>,
    /// The workspace that the answer is about.
    workspace: Option<WorkspaceBody>,
    /// Every workspace of the user, the oldest first.
    workspaces: Vec<WorkspaceBody>,
    subscription: Option<SubscriptionBody>,
    /// Whether nothing allows use now.
    needs_payment: bool,
    open_order: Option<OpenOrderBody>,
    onboarding: OnboardingBody,
    manifest: ManifestBody,
    /// Where to go: `verify_email`, `create_workspace`, `choose_plan`, `payment_pending`, `onboarding`, `building` or
    /// `app`. Without a valid token the problem says `sign_in`.
    next: &'static str,
    /// The path of `next` in the web app.
    path: &'static str,
}

impl From<Profile> for ProfileBody {
    fn from(profile: Profile) -> Self {
        Self {
            user_id: profile.user_id,
            email: profile.email,
            name: profile.name,
            onboarding_status: profile.onboarding_status,
            created_at: profile.created_at,
        }
    }
}

impl From<Membership> for WorkspaceBody {
    fn from(membership: Membership) -> Self {
        Self { id: membership.workspace_id, name: membership.name, slug: membership.slug, role: membership.role }
    }
}

impl GateBody {
    fn new(user_id: Uuid, email: Option<&str>, gate: Gate) -> Self {
        let Gate { profile, workspace, workspaces, projections, entitled, onboarding, freshness, next } = gate;
        let manifest = projections.manifest;
        Self {
            user_id,
            email: email.map(str::to_owned),
            profile: profile.map(Into::into),
            workspace: workspace.map(Into::into),
            workspaces: workspaces.into_iter().map(Into::into).collect(),
            subscription: projections.subscription.map(|subscription| SubscriptionBody {
                id: subscription.subscription_id,
                plan: subscription.plan,
                status: subscription.status,
                period_end: subscription.period_end,
                grace_end: subscription.grace_end,
                entitled,
                entitlements: subscription.entitlements,
            }),
            needs_payment: !entitled,
            open_order: projections.order.map(|order| OpenOrderBody {
                id: order.order_id,
                status: order.status,
                plan: order.plan,
                cycle: order.cycle,
                amount: order.amount,
            }),
            onboarding: OnboardingBody {
                status: onboarding.status,
                steps_done: onboarding.steps_done,
                steps_total: onboarding.steps_total,
                percent: onboarding.percent,
                next_step: onboarding.next_step,
            },
            manifest: ManifestBody {
                ready: manifest.is_some(),
                freshness: freshness.as_str(),
                generated_at: manifest.as_ref().map(|manifest| manifest.generated_at),
                checksum: manifest.as_ref().map(|manifest| manifest.checksum.clone()),
                version: manifest.map(|manifest| manifest.version),
            },
            next: next.as_str(),
            path: next.path(),
        }
    }
}

/// Make whatever the caller lacks of profile, workspace and membership. Safe to repeat; the body may be absent.
#[utoipa::path(
    tag = "profile",
    request_body = Option<EnsureProfileBody>,
    responses(
        (status = 200, description = "All of it exists", body = EnsuredBody),
        (status = 400, description = "GW-0007", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "GW-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "GW-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "AUTH-0002 or GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[post("/api/auth/ensure-profile")]
pub(super) async fn ensure_profile(
    app: web::Data<AuthService>,
    request: HttpRequest,
    caller: Authenticated,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let wish = if body.0.is_empty() {
        EnsureProfileBody::default()
    } else {
        JsonBody::<EnsureProfileBody>::from_request(&request, &mut Payload::from(body.0)).await?.value
    };
    let name = wish.name.as_deref().map(str::trim);
    if name.is_some_and(|name| name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control)) {
        let message = format!("at most {NAME_MAX_CHARS} characters, no control characters");
        let error = FieldError { pointer: "/name".into(), code: "invalid".into(), message };
        return Err(Problem::new(ErrorCode::ValidationFailed).errors(vec![error]));
    }
    let (shared, wanted, request_id) = (app.clone().into_inner(), EnsureProfile::new(&caller.claims, name), RequestId::of(&request));
    let ensured =
        app.kit.lifecycle.detached(async move { gate::ensure_profile::ensure_profile(&shared, &wanted, request_id.as_deref()).await });
    let ensured = ensured.await??;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(EnsuredBody {
        profile: ensured.profile.into(),
        workspace: ensured.workspace.into(),
        created: ensured.created,
    }))
}

/// What is known of the caller and the workspace (`X-Workspace-Id`, or the oldest one), and where to go next.
#[utoipa::path(
    tag = "profile",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller")),
    responses(
        (status = 200, description = "The gate's answer, with an ETag", body = GateBody),
        (status = 304, description = "As the caller knows it (`If-None-Match`)"),
        (status = 400, description = "GW-0017", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004, with `next` = `sign_in`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002: not a workspace of the caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/verify-profile")]
pub(super) async fn verify_profile(
    app: web::Data<AuthService>,
    request: HttpRequest,
    caller: Authenticated,
) -> Result<HttpResponse, Problem> {
    let answer = Answer::of(&app, &caller.claims, named_workspace(&request)?).await?;
    let known = IfNoneMatch::parse(&request).is_ok_and(|asked| match asked {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|tag| tag.weak_eq(&answer.tag)),
    });
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header(("Cache-Control", "private, no-cache"))
        .insert_header(("Vary", "Authorization, X-Workspace-Id"))
        .insert_header(ETag(answer.tag));
    Ok(if known { response.finish() } else { response.content_type("application/json").body(answer.json) })
}

/// The workspace that a request names.
pub(super) fn named_workspace(request: &HttpRequest) -> Result<Option<WorkspaceId>, Problem> {
    let Some(value) = request.headers().get("x-workspace-id") else { return Ok(None) };
    let id = value.to_str().ok().and_then(|value| value.parse::<WorkspaceId>().ok());
    id.map(Some).ok_or_else(|| Problem::new(ErrorCode::WorkspaceHeaderInvalid))
}

/// The gate's answer, written out once.
#[derive(Debug)]
pub(super) struct Answer {
    json: String,
    tag: EntityTag,
    workspace: Option<WorkspaceId>,
}

impl Answer {
    pub(super) async fn of(app: &AuthService, claims: &Claims, named: Option<WorkspaceId>) -> Result<Self, Problem> {
        let gate = gate::verify_profile::verify_profile(app, claims, named).await?;
        let workspace = gate.workspace.as_ref().map(|workspace| WorkspaceId::from_uuid(workspace.workspace_id));
        let body = GateBody::new(claims.user.as_uuid(), claims.email(), gate);
        let json = serde_json::to_string(&body).map_err(Problem::internal)?;
        let tag = EntityTag::new_weak(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, json.as_bytes())));
        Ok(Self { json, tag, workspace })
    }

    pub(super) fn json(&self) -> &str {
        &self.json
    }

    pub(super) const fn tag(&self) -> &EntityTag {
        &self.tag
    }

    pub(super) const fn workspace(&self) -> Option<WorkspaceId> {
        self.workspace
    }
}
