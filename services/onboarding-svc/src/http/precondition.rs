//! The headers of an edit: which revision it is made on, which version of the steps it is made for, and whether its answer waits
//! for PostgreSQL.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use domain::{ErrorCode, step::Versions};
use service_kit::http::Problem;

use super::error;
use crate::session::{Expected, Revision};

/// The strong validator of a step: its revision, or `"0"` for one that is untouched.
pub(super) fn etag(revision: Option<Revision>) -> String {
    format!(r#""{}""#, text(revision))
}

/// The same without quotes, as bodies carry it.
pub(super) fn text(revision: Option<Revision>) -> String {
    revision.map_or_else(|| "0".to_owned(), |revision| revision.to_string())
}

/// `If-Match`, if it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IfMatch(Option<Expected>);

impl IfMatch {
    /// Requires it.
    pub(super) fn required(self) -> Result<Expected, Problem> {
        self.0.ok_or_else(|| {
            Problem::new(ErrorCode::RevisionRequired).detail(r#"send If-Match with the step's revision, "0" for the first save"#)
        })
    }

    /// Any revision when it was not sent.
    pub(super) fn or_any(self) -> Expected {
        self.0.unwrap_or(Expected::Any)
    }
}

/// A proxy that compresses an answer weakens its `ETag`, so the weak form is taken for the strong one.
fn parse(value: &str) -> Option<Expected> {
    let value = value.trim();
    let quoted = value.strip_prefix("W/").unwrap_or(value);
    match quoted.strip_prefix('"')?.strip_suffix('"')? {
        "0" => Some(Expected::Untouched),
        revision => revision.parse().ok().map(Expected::At),
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.headers().get("if-match") {
            None => Ok(Self(None)),
            Some(value) => value
                .to_str()
                .ok()
                .and_then(parse)
                .map(|expected| Self(Some(expected)))
                .ok_or_else(|| Problem::new(ErrorCode::MalformedRequest).detail(r#"If-Match is one revision: "0" or "<epoch>.<n>""#)),
        })
    }
}

/// `Prefer: durable`: the answer waits until PostgreSQL has the save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PreferDurable(pub(super) bool);

impl FromRequest for PreferDurable {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut preferences =
            request.headers().get_all("prefer").filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        ready(Ok(Self(preferences.any(|preference| preference.trim().eq_ignore_ascii_case("durable")))))
    }
}

/// `X-Schema-Version`: the version of the steps that the form was drawn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DrawnFrom(Option<String>);

impl DrawnFrom {
    /// Requires it to be the version in force; who does not say is believed.
    pub(super) fn require(&self, versions: &Versions) -> Result<(), Problem> {
        match &self.0 {
            Some(version) if version != versions.current() => Err(error::schema_changed(versions.current())),
            _ => Ok(()),
        }
    }
}

impl FromRequest for DrawnFrom {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let version = request.headers().get("x-schema-version").map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
        ready(Ok(Self(version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_is_read_strong_or_weakened_and_nothing_else() {
        let revision = Revision { epoch: 2, n: 7 };
        assert_eq!(parse(r#""0""#), Some(Expected::Untouched));
        assert_eq!(parse(&etag(Some(revision))), Some(Expected::At(revision)));
        assert_eq!(parse(r#" W/"2.7" "#), Some(Expected::At(revision)));
        for bad in ["", "0", "2.7", "*", r#""2.7", "2.8""#, r#""x""#, "\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
