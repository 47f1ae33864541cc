//! A version ready to send.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use domain::{canonical::Checksum, manifest::Record};
use flate2::{Compression, write::GzEncoder};

use crate::manifest::stored::Stored;

const BEFORE_RECORD: &[u8] = br#"{"record":"#;
const BEFORE_CONTENT: &[u8] = br#","content":"#;
const AFTER_CONTENT: &[u8] = b"}";

/// Bytes with the `Repr-Digest` (RFC 9530) that goes with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// What is sent.
    pub bytes: Bytes,
    /// `sha-256=:…:` of these bytes.
    pub digest: String,
}

impl Coded {
    fn new(bytes: Bytes) -> Self {
        let digest = format!("sha-256=:{}:", STANDARD.encode(Checksum::of(&bytes).as_bytes()));
        Self { bytes, digest }
    }
}

/// One representation, plain and compressed, with its entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Representation {
    /// The opaque part of the weak entity tag.
    pub tag: String,
    /// As it is.
    pub plain: Coded,
    /// Compressed with gzip.
    pub gzip: Coded,
}

/// A version in both of its representations. They share their bytes: the content is a part of the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What is known about the version.
    pub record: Record,
    /// `{"record": …, "content": …}`.
    pub whole: Representation,
    /// The canonical content: exactly the bytes that are hashed.
    pub content: Representation,
}

impl Document {
    /// Prepares a verified version for sending.
    pub fn new(stored: &Stored) -> Result<Self, serde_json::Error> {
        let record = serde_json::to_vec(&stored.record)?;
        let body = [BEFORE_RECORD, &record, BEFORE_CONTENT, &stored.content, AFTER_CONTENT].concat();
        let gzip = compress(&body);
        let content = body.len() - AFTER_CONTENT.len() - stored.content.len()..body.len() - AFTER_CONTENT.len();
        let body = Bytes::from(body);
        let content = body.slice(content);
        Ok(Self::assemble(stored.record.clone(), body, gzip.into(), content))
    }

    /// Takes a body apart that another process made, without trusting it: `None` when it is not one, or when the content
    /// is not what the record's checksum says. `content` is the length of the content.
    pub fn open(body: Vec<u8>, gzip: Vec<u8>, content: usize) -> Option<Self> {
        let end = body.len().checked_sub(AFTER_CONTENT.len())?;
        let start = end.checked_sub(content)?;
        let record_end = start.checked_sub(BEFORE_CONTENT.len())?;
        let framed = body.starts_with(BEFORE_RECORD)
            && body.get(record_end..start) == Some(BEFORE_CONTENT)
            && body.get(end..) == Some(AFTER_CONTENT);
        if !framed {
            return None;
        }
        let record: Record = serde_json::from_slice(body.get(BEFORE_RECORD.len()..record_end)?).ok()?;
        let body = Bytes::from(body);
        let content = body.slice(start..end);
        record.checksum.verifies(&content).then(|| Self::assemble(record, body, gzip.into(), content))
    }

    fn assemble(record: Record, body: Bytes, gzip: Bytes, content: Bytes) -> Self {
        let content_gzip = Bytes::from(compress(&content));
        Self {
            // The record is a part of the whole, and a content may come back in a later version.
            whole: Representation {
                tag: format!("{}.record-{}", record.checksum, record.sequence),
                plain: Coded::new(body),
                gzip: Coded::new(gzip),
            },
            content: Representation {
                tag: format!("{}.content", record.checksum),
                plain: Coded::new(content),
                gzip: Coded::new(content_gzip),
            },
            record,
        }
    }

    /// The bytes it keeps in memory.
    pub fn weight(&self) -> usize {
        // The plain content is a part of the plain whole; the record once more as a value is about as large as its JSON.
        2 * self.whole.plain.bytes.len() + self.whole.gzip.bytes.len() + self.content.gzip.bytes.len() + 1024
    }
}

/// Gzip without a time in its header, so that the same bytes give the same bytes.
fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::new(6));
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
pub mod tests {
    use std::io::Read;

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

    pub fn inflate(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn both_representations_inflate_to_their_plain_bytes() {
        let document = Document::new(&stored(1, 1, br#"{"company":{"name":"Acme"}}"#)).unwrap();
        assert_eq!(document.content.plain.bytes.as_ref(), br#"{"company":{"name":"Acme"}}"#);
        for representation in [&document.whole, &document.content] {
            assert_eq!(inflate(&representation.gzip.bytes), representation.plain.bytes);
        }
        let whole: serde_json::Value = serde_json::from_slice(&document.whole.plain.bytes).unwrap();
        assert_eq!(whole["content"]["company"]["name"], "Acme");
        assert_eq!(whole["record"]["checksum"], document.record.checksum.to_string());
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
        assert_eq!(first.content.tag, third.content.tag);
        assert_ne!(first.whole.tag, third.whole.tag);
        assert_ne!(first.whole.tag, first.content.tag);
    }
}
