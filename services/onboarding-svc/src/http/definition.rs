//! The definition of the steps, the same for everybody.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, get, http::header::IF_NONE_MATCH};
use domain::{canonical::Checksum, step::Definition};

struct Prepared {
    bytes: Vec<u8>,
    etag: String,
}

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the definition consists of texts and numbers, which always serialise")]
    let bytes = serde_json::to_vec(Definition::current()).expect("the definition serialises");
    let etag = format!(r#""{}""#, Checksum::of(&bytes));
    Prepared { bytes, etag }
});

/// Whether `If-None-Match` names the validator; the comparison is the weak one (RFC 9110, 13.1.2).
fn names(value: &str, etag: &str) -> bool {
    value.split(',').map(str::trim).any(|candidate| candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == etag)
}

/// Phases, steps and fields, in order, with limits and labels: what the form is drawn from and answers are checked by.
#[utoipa::path(
    tag = "steps",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag that is known already.")),
    responses(
        (status = 200, description = "The definition.", body = Object, content_type = "application/json"),
        (status = 304, description = "The definition is the one that is known."),
    )
)]
#[get("/api/onboarding/steps")]
pub(super) async fn steps(request: HttpRequest) -> HttpResponse {
    let known = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok()).any(|value| names(value, &PREPARED.etag));
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(("ETag", PREPARED.etag.as_str())).insert_header(("Cache-Control", "public, max-age=300"));
    if known { response.finish() } else { response.content_type("application/json").body(PREPARED.bytes.as_slice()) }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_known_definition_is_recognised_strong_or_weak_alone_or_in_a_list() {
        let etag = r#""abc""#;
        for known in [r#""abc""#, r#"W/"abc""#, r#""x", W/"abc""#, "*"] {
            assert!(names(known, etag), "{known}");
        }
        for unknown in [r#""abd""#, "abc", "", r#"w/"abc""#] {
            assert!(!names(unknown, etag), "{unknown}");
        }
    }
}
