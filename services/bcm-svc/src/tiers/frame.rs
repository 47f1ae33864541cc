//! How a version lies in Redis.
//!
//! ```text
//! "GWB1" | body length u32 | content length u32 | workspace 16 B | sequence u64 | SHA-256 of the gzip 32 B | gzip(body)
//! ```
//!
//! Numbers are big-endian. A frame says whose it is, so that one under a wrong key is recognised. The gzip is sent on as
//! it lies, so it has a checksum of its own, verified before it is inflated; the content is verified once more against
//! the checksum in its record.

use std::io::Read;

use domain::{canonical::Checksum, ids::WorkspaceId};
use flate2::bufread::GzDecoder;

use super::document::Document;

const MAGIC: &[u8; 4] = b"GWB1";
const HEADER: usize = 4 + 4 + 4 + 16 + 8 + 32;

/// The largest body a frame may announce: a content of the largest policy with its record is below 200 KB.
const MAX_BODY: usize = 1 << 20;

/// The bytes are not the version that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a damaged frame: {0}")]
pub struct Damaged(&'static str);

/// Writes the frame of a version.
pub fn encode(document: &Document) -> Vec<u8> {
    let (body, gzip) = (&document.whole.plain.bytes, &document.whole.gzip.bytes);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(HEADER + gzip.len());
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&length(body));
    frame.extend_from_slice(&length(&document.content.plain.bytes));
    frame.extend_from_slice(document.record.workspace_id.as_uuid().as_bytes());
    frame.extend_from_slice(&document.record.sequence.to_be_bytes());
    frame.extend_from_slice(Checksum::of(gzip).as_bytes());
    frame.extend_from_slice(gzip);
    frame
}

/// Reads the frame of the given version.
pub fn decode(frame: &[u8], workspace: WorkspaceId, sequence: u64) -> Result<Document, Damaged> {
    let (magic, rest) = take::<4>(frame)?;
    let (body_length, rest) = take::<4>(rest)?;
    let (content_length, rest) = take::<4>(rest)?;
    let (of_workspace, rest) = take::<16>(rest)?;
    let (of_sequence, rest) = take::<8>(rest)?;
    let (checksum, gzip) = take::<32>(rest)?;
    if magic != *MAGIC {
        return Err(Damaged("another format"));
    }
    if of_workspace != *workspace.as_uuid().as_bytes() || u64::from_be_bytes(of_sequence) != sequence {
        return Err(Damaged("of another version"));
    }
    let body_length = size(body_length).filter(|length| *length <= MAX_BODY).ok_or(Damaged("too large"))?;
    let content_length = size(content_length).ok_or(Damaged("too large"))?;
    if !Checksum::from_bytes(checksum).verifies(gzip) {
        return Err(Damaged("the gzip does not match its checksum"));
    }
    let body = inflate(gzip, body_length)?;
    let document = Document::open(body, gzip.to_vec(), content_length).ok_or(Damaged("the content does not match its checksum"))?;
    if document.record.workspace_id != workspace || document.record.sequence != sequence {
        return Err(Damaged("the record is of another version"));
    }
    Ok(document)
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Damaged> {
    bytes.split_first_chunk::<N>().map(|(head, rest)| (*head, rest)).ok_or(Damaged("cut short"))
}

fn size(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

/// Inflates exactly `length` bytes; one that would give more is given up there.
fn inflate(gzip: &[u8], length: usize) -> Result<Vec<u8>, Damaged> {
    let mut body = Vec::with_capacity(length);
    let limit = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(1);
    GzDecoder::new(gzip).take(limit).read_to_end(&mut body).map_err(|_| Damaged("does not inflate"))?;
    if body.len() == length { Ok(body) } else { Err(Damaged("another length")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{super::document::tests::stored, *};

    fn document() -> Document {
        Document::new(&stored(1, 3, br#"{"company":{"name":"Acme Instruments"},"schema_version":"1"}"#)).unwrap()
    }

    fn workspace(id: u128) -> WorkspaceId {
        WorkspaceId::from_uuid(Uuid::from_u128(id))
    }

    #[test]
    fn a_frame_gives_back_the_version() {
        let document = document();
        assert_eq!(decode(&encode(&document), workspace(1), 3), Ok(document));
    }

    #[test]
    fn a_frame_under_another_key_is_recognised() {
        let frame = encode(&document());
        assert!(decode(&frame, workspace(2), 3).is_err());
        assert!(decode(&frame, workspace(1), 2).is_err());
    }

    #[test]
    fn a_frame_that_announces_more_than_any_version_has_is_not_inflated() {
        let mut frame = encode(&document());
        frame[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(decode(&frame, workspace(1), 3), Err(Damaged("too large")));
    }

    #[test]
    fn every_flipped_bit_is_recognised() {
        let frame = encode(&document());
        for position in 0..frame.len() {
            for bit in 0..8 {
                let mut damaged = frame.clone();
                damaged[position] ^= 1 << bit;
                assert!(decode(&damaged, workspace(1), 3).is_err(), "bit {bit} of byte {position}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_cut_off_or_added_is_taken(keep in 0_usize..1000, more in proptest::collection::vec(any::<u8>(), 0..20)) {
            let frame = encode(&document());
            let mut other = frame.get(..keep).unwrap_or(&frame).to_vec();
            other.extend(more);
            prop_assert!(other == frame || decode(&other, workspace(1), 3).is_err());
        }
    }
}
