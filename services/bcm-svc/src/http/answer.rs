//! A version as a conditional, compressed answer.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{
            ACCEPT_ENCODING, AGE, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, Encoding, EntityTag, Header,
            HeaderName, HeaderValue, IF_NONE_MATCH, IfNoneMatch, LAST_MODIFIED, VARY, WARNING,
        },
    },
};

use service_kit::http::Problem;

use crate::{
    manifest::ReadError,
    tiers::{Coded, Found, Tier, View, compress},
};

/// The media type of a file that is compressed itself, whatever the transfer's coding.
pub const GZIP: &str = "application/gzip";
/// The head moves: it may be kept, and has to be asked for each time.
pub const REVALIDATE: &str = "private, no-cache";
/// A version never changes.
pub const IMMUTABLE: &str = "private, max-age=31536000, immutable";

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
/// RFC 9211: a version that may not be the current one any more, since PostgreSQL cannot be asked.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Consumers are kept on this version although there is a newer one.
const PINNED: HeaderName = HeaderName::from_static("manifest-pinned");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Answers a version: 304 without a body when the caller has it, compressed as it lies when the caller takes gzip.
pub fn answer(request: &HttpRequest, found: &Found, view: View, cache_control: &'static str) -> Result<HttpResponse, ReadError> {
    let tag = found.document.tag(view);
    if not_modified(request, tag) {
        return Ok(common(StatusCode::NOT_MODIFIED, found, tag, cache_control).finish());
    }
    send(request, common(StatusCode::OK, found, tag, cache_control), found, view)
}

/// Sends the representation in the coding that the caller prefers.
pub fn send(request: &HttpRequest, mut response: HttpResponseBuilder, found: &Found, view: View) -> Result<HttpResponse, ReadError> {
    let coded = if takes_gzip(request) {
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        found.document.gzip(view)?
    } else {
        found.document.plain(view)?
    };
    response.insert_header((REPR_DIGEST, coded.digest.clone()));
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")));
    Ok(response.body(coded.bytes.clone()))
}

/// A representation that is made of a version when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// Tells it from the others of the same content, in its entity tag.
    pub name: String,
    /// Its media type.
    pub content_type: &'static str,
    /// How long it may be kept.
    pub cache_control: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
}

/// Answers a representation that is made on demand, and not at all when the caller has it.
pub async fn derived<F>(request: &HttpRequest, found: &Found, what: Derived, make: F) -> Result<HttpResponse, Problem>
where
    F: Future<Output = Result<Vec<u8>, Problem>>,
{
    let tag = format!(r#"W/"{}.{}""#, found.document.record.checksum, what.name);
    let tag = HeaderValue::from_str(&tag).map_err(Problem::internal)?;
    let held = not_modified(request, &tag);
    let mut response = common(if held { StatusCode::NOT_MODIFIED } else { StatusCode::OK }, found, &tag, what.cache_control);
    for (name, value) in &what.headers {
        response.insert_header((*name, value.as_str()));
    }
    if held {
        return Ok(response.finish());
    }
    let mut bytes = make.await?;
    if takes_gzip(request) && what.content_type != GZIP {
        bytes = compress(&bytes);
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    let coded = Coded::new(bytes.into());
    response.insert_header((REPR_DIGEST, coded.digest));
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(what.content_type)));
    Ok(response.body(coded.bytes))
}

/// The headers of a version's answer, whatever its status.
pub fn common(status: StatusCode, found: &Found, tag: &HeaderValue, cache_control: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((ETAG, tag.clone()))
        .insert_header((LAST_MODIFIED, found.document.last_modified.clone()))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static(cache_control)))
        .insert_header((VARY, HeaderValue::from_static("Authorization, X-Workspace-Id, Accept-Encoding")))
        .insert_header((SERVER_TIMING, server_timing(found)));
    if let Some(age) = found.stale {
        let age = age.num_seconds().max(0);
        response
            .insert_header((AGE, age))
            .insert_header((WARNING, HeaderValue::from_static(r#"110 - "Response is Stale""#)))
            .insert_header((CACHE_STATUS, format!("groundwork; hit; ttl=-{age}; detail=database-unavailable")));
    }
    if found.pinned {
        response.insert_header((PINNED, HeaderValue::from_static("true")));
    }
    response
}

/// Which tier had what.
fn server_timing(found: &Found) -> HeaderValue {
    // What nearly all answers say.
    if (found.head, found.content) == (Some(Tier::Memory), Tier::Memory) {
        return HeaderValue::from_static(r#"head;desc="memory", content;desc="memory""#);
    }
    let content = found.content.as_str();
    let timing = match found.head {
        Some(head) => format!(r#"head;desc="{}", content;desc="{content}""#, head.as_str()),
        None => format!(r#"content;desc="{content}""#),
    };
    HeaderValue::from_str(&timing).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// `If-None-Match` as RFC 9110 has it: a list or `*`, compared weakly. One that cannot be read counts as absent.
pub fn not_modified(request: &HttpRequest, tag: &HeaderValue) -> bool {
    let Some(held) = request.headers().get(IF_NONE_MATCH) else { return false };
    // What a caller sends that has one answer, and it is the present one.
    if held == tag {
        return true;
    }
    let Some(tag) = tag.to_str().ok().and_then(|tag| tag.parse::<EntityTag>().ok()) else { return false };
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(held)) => held.iter().any(|held| held.weak_eq(&tag)),
        Err(_) => false,
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let Some(accepted) = request.headers().get(ACCEPT_ENCODING) else { return false };
    let supported = [Encoding::gzip(), Encoding::identity()];
    accepted == "gzip"
        || AcceptEncoding::parse(request).is_ok_and(|accepted| accepted.negotiate(supported.iter()) == Some(Encoding::gzip()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_tag_matches_weakly_in_a_list_or_as_anything_and_never_by_a_part() {
        let tag = HeaderValue::from_static(r#"W/"abc.content""#);
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
