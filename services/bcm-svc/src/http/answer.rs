//! A version as a conditional, compressed answer.

use std::time::SystemTime;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{AcceptEncoding, ContentEncoding, ETag, Encoding, EntityTag, Header, IfNoneMatch, LastModified},
    },
};

use crate::tiers::{Found, Representation};

/// The head moves: it may be kept, and has to be asked for each time.
pub const REVALIDATE: &str = "private, no-cache";
/// A version never changes.
pub const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// Which representation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Record and content.
    Whole,
    /// The exact bytes that are hashed.
    Content,
}

/// Answers a version: 304 without a body when the caller has it, compressed as it lies when the caller takes gzip.
pub fn answer(request: &HttpRequest, found: &Found, view: View, cache_control: &'static str) -> HttpResponse {
    let representation = match view {
        View::Whole => &found.document.whole,
        View::Content => &found.document.content,
    };
    let tag = EntityTag::new_weak(representation.tag.clone());
    if not_modified(request, &tag) {
        let mut response = common(StatusCode::NOT_MODIFIED, found, tag, cache_control);
        return response.finish();
    }
    let mut response = common(StatusCode::OK, found, tag, cache_control);
    send(request, &mut response, representation)
}

/// Sends the representation in the coding that the caller prefers.
pub fn send(request: &HttpRequest, response: &mut HttpResponseBuilder, representation: &Representation) -> HttpResponse {
    let coded = if takes_gzip(request) {
        response.insert_header(ContentEncoding::Gzip);
        &representation.gzip
    } else {
        &representation.plain
    };
    response.insert_header(("Repr-Digest", coded.digest.as_str())).content_type("application/json").body(coded.bytes.clone())
}

/// The headers of a version's answer, whatever its status.
pub fn common(status: StatusCode, found: &Found, tag: EntityTag, cache_control: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header(ETag(tag))
        .insert_header(LastModified(SystemTime::from(found.document.record.generated_at).into()))
        .insert_header(("Cache-Control", cache_control))
        .insert_header(("Vary", "Authorization, X-Workspace-Id, Accept-Encoding"))
        .insert_header(("Server-Timing", server_timing(found)));
    response
}

/// Which tier had what.
fn server_timing(found: &Found) -> String {
    let content = found.content.as_str();
    match found.head {
        Some(head) => format!(r#"head;desc="{}", content;desc="{content}""#, head.as_str()),
        None => format!(r#"content;desc="{content}""#),
    }
}

/// `If-None-Match` as RFC 9110 has it: a list or `*`, compared weakly. One that cannot be read counts as absent.
fn not_modified(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !request.headers().contains_key("if-none-match") {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(held)) => held.iter().any(|held| held.weak_eq(tag)),
        Err(_) => false,
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let supported = [Encoding::gzip(), Encoding::identity()];
    request.headers().contains_key("accept-encoding")
        && AcceptEncoding::parse(request).is_ok_and(|accepted| accepted.negotiate(supported.iter()) == Some(Encoding::gzip()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_tag_matches_weakly_in_a_list_or_as_anything_and_never_by_a_part() {
        let tag = EntityTag::new_weak("abc.content".into());
        let asked = |value: &str| not_modified(&TestRequest::default().insert_header(("If-None-Match", value)).to_http_request(), &tag);
        for held in [r#"W/"abc.content""#, r#""abc.content""#, r#""x", W/"abc.content""#, "*"] {
            assert!(asked(held), "{held}");
        }
        for other in [r#""abc""#, r#"W/"abc.content--gzip""#, r#""content""#, "abc.content", ""] {
            assert!(!asked(other), "{other}");
        }
        assert!(!not_modified(&TestRequest::default().to_http_request(), &tag));
    }

    #[test]
    fn gzip_is_sent_to_those_who_name_it() {
        let takes = |value: &str| takes_gzip(&TestRequest::default().insert_header(("Accept-Encoding", value)).to_http_request());
        for yes in ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["identity", "br", "gzip;q=0", ""] {
            assert!(!takes(no), "{no}");
        }
        assert!(!takes_gzip(&TestRequest::default().to_http_request()));
    }
}
