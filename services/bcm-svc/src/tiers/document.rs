//! A version ready to send.

use std::{
    io::{Read, Write},
    sync::OnceLock,
    time::SystemTime,
};

use actix_web::http::header::{HeaderValue, HttpDate};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use domain::{canonical::Checksum, manifest::Record};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};

use crate::manifest::stored::Stored;

const BEFORE_RECORD: &[u8] = br#"{"record":"#;
const BEFORE_CONTENT: &[u8] = br#","content":"#;
const AFTER_CONTENT: &[u8] = b"}";

/// Bytes to send, with the `Repr-Digest` (RFC 9530) that goes with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// What is sent.
    pub bytes: Bytes,
    /// `sha-256=:…:` of these bytes.
    pub digest: HeaderValue,
}

impl Coded {
    /// Bytes with their digest.
    pub fn new(bytes: Bytes) -> Self {
        let digest = text(&format!("sha-256=:{}:", STANDARD.encode(Checksum::of(&bytes).as_bytes())));
        Self { bytes, digest }
    }
}

/// Which representation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Record and content.
    Whole,
    /// The exact bytes that are hashed.
    Content,
}

/// A version in both of its representations. Whatever is rarely sent is made when it first is.
#[derive(Debug, Clone)]
pub struct Document {
    /// What is known about the version.
    pub record: Record,
    /// When it was made, as `Last-Modified` has it.
    pub last_modified: HeaderValue,
    whole_tag: HeaderValue,
    content_tag: HeaderValue,
    whole_gzip: Coded,
    sizes: Sizes,
    plain: OnceLock<Plain>,
    content_gzip: OnceLock<Coded>,
}

/// The lengths of the plain representations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Of record and content.
    pub whole: usize,
    /// Of the content.
    pub content: usize,
}

/// The plain representations share their bytes: the content is a part of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plain {
    whole: Coded,
    content: Coded,
}

/// The gzip does not hold the version of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the compressed version is not the one of its record")]
pub struct NotTheVersion;

impl Document {
    /// Prepares a verified version for sending.
    pub fn new(stored: &Stored) -> Result<Self, serde_json::Error> {
        let record = serde_json::to_vec(&stored.record)?;
        let body = [BEFORE_RECORD, &record, BEFORE_CONTENT, &stored.content, AFTER_CONTENT].concat();
        let sizes = Sizes { whole: body.len(), content: stored.content.len() };
        let document = Self::compressed(stored.record.clone(), compress(&body).into(), sizes);
        let content = body.len() - AFTER_CONTENT.len() - stored.content.len()..body.len() - AFTER_CONTENT.len();
        let body = Bytes::from(body);
        let content = Coded::new(body.slice(content));
        let _ = document.plain.set(Plain { whole: Coded::new(body), content });
        Ok(document)
    }

    /// A version of which only the compressed form is at hand. It is inflated, and its content verified against the
    /// record, when somebody wants it plain.
    pub fn compressed(record: Record, gzip: Bytes, sizes: Sizes) -> Self {
        Self {
            last_modified: text(&HttpDate::from(SystemTime::from(record.generated_at)).to_string()),
            // The record is a part of the whole, and a content may come back in a later version.
            whole_tag: text(&format!(r#"W/"{}.record-{}""#, record.checksum, record.sequence)),
            content_tag: text(&format!(r#"W/"{}.content""#, record.checksum)),
            whole_gzip: Coded::new(gzip),
            sizes,
            plain: OnceLock::new(),
            content_gzip: OnceLock::new(),
            record,
        }
    }

    /// The weak entity tag, as `ETag` has it.
    pub const fn tag(&self, view: View) -> &HeaderValue {
        match view {
            View::Whole => &self.whole_tag,
            View::Content => &self.content_tag,
        }
    }

    /// The lengths of the plain representations.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Compressed with gzip.
    ///
    /// # Errors
    /// When the content has to be taken from a whole that does not hold it.
    pub fn gzip(&self, view: View) -> Result<&Coded, NotTheVersion> {
        Ok(match view {
            View::Whole => &self.whole_gzip,
            View::Content => {
                let content = &self.opened()?.content.bytes;
                self.content_gzip.get_or_init(|| Coded::new(compress(content).into()))
            }
        })
    }

    /// As it is.
    ///
    /// # Errors
    /// When the compressed form does not hold the version.
    pub fn plain(&self, view: View) -> Result<&Coded, NotTheVersion> {
        let plain = self.opened()?;
        Ok(match view {
            View::Whole => &plain.whole,
            View::Content => &plain.content,
        })
    }

    fn opened(&self) -> Result<&Plain, NotTheVersion> {
        if let Some(plain) = self.plain.get() {
            return Ok(plain);
        }
        let plain = self.open().ok_or(NotTheVersion)?;
        Ok(self.plain.get_or_init(|| plain))
    }

    fn open(&self) -> Option<Plain> {
        let body = inflate(&self.whole_gzip.bytes, self.sizes.whole)?;
        let end = body.len().checked_sub(AFTER_CONTENT.len())?;
        let start = end.checked_sub(self.sizes.content)?;
        let framed = body.starts_with(BEFORE_RECORD) && body.get(..start)?.ends_with(BEFORE_CONTENT) && body.get(end..)? == AFTER_CONTENT;
        let body = Bytes::from(body);
        let content = body.slice(start..end);
        (framed && self.record.checksum.verifies(&content)).then(|| Plain { whole: Coded::new(body), content: Coded::new(content) })
    }

    /// The bytes it keeps in memory, once all of it was asked for.
    pub fn weight(&self) -> usize {
        // The plain content is a part of the plain whole; the record once more as a value is about as large as its JSON.
        2 * self.sizes.whole + 2 * self.whole_gzip.bytes.len() + 1024
    }
}

/// Two are the same when they are the same version in the same bytes, whatever was made of it so far.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        (&self.record, &self.whole_gzip, self.sizes) == (&other.record, &other.whole_gzip, other.sizes)
    }
}

/// A header's value from what only holds visible ASCII.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Inflates exactly `length` bytes; what would give more is given up there.
fn inflate(gzip: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(length);
    let limit = u64::try_from(length).ok()?.saturating_add(1);
    GzDecoder::new(gzip).take(limit).read_to_end(&mut body).ok()?;
    (body.len() == length).then_some(body)
}

/// Gzip without a time in its header, so that the same bytes give the same bytes.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::new(6));
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
pub mod tests {
    use chrono::{DateTime, Utc};
    use domain::{
        ids::WorkspaceId,
        manifest::{Meta, Reason, Source, Version},
    };
    use uuid::Uuid;

    use super::*;

    pub fn stored(workspace: u128, sequence: u64, content: &[u8]) -> Stored {
        let at: DateTime<Utc> = "2026-11-25T10:00:00.123456Z".parse().unwrap();
        Stored {
            record: Record {
                workspace_id: WorkspaceId::from_uuid(Uuid::from_u128(workspace)),
                sequence,
                version: Version::FIRST,
                checksum: Checksum::of(content),
                size: u64::try_from(content.len()).unwrap(),
                source: Source {
                    context_number: 1,
                    context_sha256: Checksum::of(b"context"),
                    reducer_version: "1".into(),
                    policy: "cl100k/1200".into(),
                },
                generated_at: at,
                generated_by: None,
                reason: Reason::Onboarding,
                meta: Meta {
                    completion_percent: 100,
                    token_count: 3,
                    token_budget: 1200,
                    trims: Vec::new(),
                    missing: Vec::new(),
                    evidence_count: 0,
                },
            },
            content: content.to_vec(),
        }
    }

    fn inflate(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn both_representations_inflate_to_their_plain_bytes() {
        let document = Document::new(&stored(1, 1, br#"{"company":{"name":"Acme"}}"#)).unwrap();
        assert_eq!(document.plain(View::Content).unwrap().bytes.as_ref(), br#"{"company":{"name":"Acme"}}"#);
        for view in [View::Whole, View::Content] {
            assert_eq!(inflate(&document.gzip(view).unwrap().bytes), document.plain(view).unwrap().bytes);
        }
        let whole: serde_json::Value = serde_json::from_slice(&document.plain(View::Whole).unwrap().bytes).unwrap();
        assert_eq!(whole["content"]["company"]["name"], "Acme");
        assert_eq!(whole["record"]["checksum"], document.record.checksum.to_string());
    }

    #[test]
    fn a_compressed_version_gives_what_the_prepared_one_gives() {
        let prepared = Document::new(&stored(1, 1, br#"{"company":{"name":"Acme"}}"#)).unwrap();
        let gzip = prepared.gzip(View::Whole).unwrap().bytes.clone();
        let compressed = Document::compressed(prepared.record.clone(), gzip, prepared.sizes());
        for view in [View::Whole, View::Content] {
            assert_eq!(compressed.plain(view), prepared.plain(view));
            assert_eq!(compressed.gzip(view), prepared.gzip(view));
            assert_eq!(compressed.tag(view), prepared.tag(view));
        }
    }

    #[test]
    fn a_compressed_version_of_another_content_is_never_shown_plain() {
        let (one, other) = (Document::new(&stored(1, 1, br#"{"a":1}"#)).unwrap(), Document::new(&stored(1, 1, br#"{"a":2}"#)).unwrap());
        let gzip = other.gzip(View::Whole).unwrap().bytes.clone();
        let mixed = Document::compressed(one.record.clone(), gzip.clone(), one.sizes());
        assert_eq!(mixed.plain(View::Content), Err(NotTheVersion));
        assert_eq!(mixed.gzip(View::Content), Err(NotTheVersion));
        let (whole, content) = (one.sizes().whole, one.sizes().content);
        for sizes in [Sizes { whole: whole - 1, content }, Sizes { whole, content: content + 1 }, Sizes { whole, content: usize::MAX }] {
            assert_eq!(Document::compressed(other.record.clone(), gzip.clone(), sizes).plain(View::Whole), Err(NotTheVersion));
        }
    }

    #[test]
    fn the_same_version_gives_the_same_bytes() {
        let stored = stored(1, 1, br#"{"a":1}"#);
        assert_eq!(Document::new(&stored).unwrap(), Document::new(&stored).unwrap());
    }

    #[test]
    fn a_content_that_comes_back_has_its_old_tag_and_a_record_that_differs_another_one() {
        let first = Document::new(&stored(1, 1, br#"{"a":1}"#)).unwrap();
        let third = Document::new(&stored(1, 3, br#"{"a":1}"#)).unwrap();
        assert_eq!(first.tag(View::Content), third.tag(View::Content));
        assert_ne!(first.tag(View::Whole), third.tag(View::Whole));
        assert_ne!(first.tag(View::Whole), first.tag(View::Content));
    }
}
