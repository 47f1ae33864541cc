//! `POST /api/onboarding/mail/webhook`: what Resend tells of our mails.

use actix_web::{HttpRequest, HttpResponse, post, web};
use service_kit::http::{Problem, ProblemBody, RawBody};

use crate::OnboardingService;

/// Takes a webhook about a mail. It is stored once, and the mail gets the state that it tells.
#[utoipa::path(
    tag = "mail",
    request_body(content = String, content_type = "application/json", description = "Resend's own form; taken byte for byte"),
    params(
        ("svix-id" = String, Header, description = "The event's id; an event that comes again changes nothing"),
        ("svix-timestamp" = String, Header, description = "Seconds since 1970; at most five minutes from now"),
        ("svix-signature" = String, Header, description = "`v1,<base64>` of the HMAC-SHA256 of `{id}.{timestamp}.{body}`; several with spaces between"),
    ),
    responses(
        (status = 200, description = "Stored, known already, or about something else"),
        (status = 400, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "Wrong signature", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More than 64 KiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many with a wrong signature from one address", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer; send it again", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
#[post("/api/onboarding/mail/webhook")]
pub(super) async fn hear_of_mail(request: HttpRequest, app: web::Data<OnboardingService>, body: RawBody) -> Result<HttpResponse, Problem> {
    app.deliveries.receive(&request, &body.0).await
}
