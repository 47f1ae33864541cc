//! How a version lies in Redis.
//!
//! ```text
//! "GWB2" | SHA-256 of all that follows 32 B | record length u32 | body length u32 | content length u32 | record | gzip(body)
//! ```
//!
//! Numbers are big-endian. The record says whose version it is, so that a frame under a wrong key is recognised. The gzip
//! is sent on as it lies: that is why the checksum is of the frame and not of what it inflates to.

use domain::{canonical::Checksum, ids::WorkspaceId};

use super::document::{Document, Sizes, View};

const MAGIC: &[u8; 4] = b"GWB2";

/// The largest body a frame may announce: a content of the largest policy with its record is below 200 KB.
const MAX_BODY: usize = 1 << 20;

/// The bytes are not the version that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a damaged frame: {0}")]
pub struct Damaged(&'static str);

/// Writes the frame of a version.
pub fn encode(document: &Document) -> Result<Vec<u8>, Damaged> {
    let record = serde_json::to_vec(&document.record).map_err(|_| Damaged("the record cannot be written"))?;
    let gzip = &document.gzip(View::Whole).map_err(|_| Damaged("not the version of its record"))?.bytes;
    let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let sizes = document.sizes();
    let rest = [&length(record.len())[..], &length(sizes.whole), &length(sizes.content), &record, gzip].concat();
    Ok([&MAGIC[..], Checksum::of(&rest).as_bytes(), &rest].concat())
}

/// Reads the frame of the version with this sequence.
pub fn decode(frame: &[u8], workspace: WorkspaceId, sequence: u64) -> Result<Document, Damaged> {
    let (magic, rest) = take::<4>(frame)?;
    let (checksum, rest) = take::<32>(rest)?;
    if magic != *MAGIC {
        return Err(Damaged("another format"));
    }
    if !Checksum::from_bytes(checksum).verifies(rest) {
        return Err(Damaged("it does not match its checksum"));
    }
    let (record_length, rest) = take::<4>(rest)?;
    let (whole, rest) = take::<4>(rest)?;
    let (content, rest) = take::<4>(rest)?;
    let (record, gzip) = rest.split_at_checked(size(record_length)?).ok_or(Damaged("cut short"))?;
    let record: domain::manifest::Record = serde_json::from_slice(record).map_err(|_| Damaged("no record"))?;
    if record.workspace_id != workspace || record.sequence != sequence {
        return Err(Damaged("of another version"));
    }
    let sizes = Sizes { whole: size(whole)?, content: size(content)? };
    Ok(Document::compressed(record, gzip.to_vec().into(), sizes))
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Damaged> {
    bytes.split_first_chunk::<N>().map(|(head, rest)| (*head, rest)).ok_or(Damaged("cut short"))
}

fn size(bytes: [u8; 4]) -> Result<usize, Damaged> {
    usize::try_from(u32::from_be_bytes(bytes)).ok().filter(|size| *size <= MAX_BODY).ok_or(Damaged("too large"))
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
        assert_eq!(decode(&encode(&document).unwrap(), workspace(1), 3), Ok(document));
    }

    #[test]
    fn a_frame_under_another_key_is_recognised() {
        let frame = encode(&document()).unwrap();
        assert!(decode(&frame, workspace(2), 3).is_err());
        assert!(decode(&frame, workspace(1), 2).is_err());
    }

    #[test]
    fn a_frame_that_announces_more_than_any_version_has_is_not_inflated() {
        let mut frame = encode(&document()).unwrap();
        frame[40..44].copy_from_slice(&u32::MAX.to_be_bytes());
        let checksum = Checksum::of(&frame[36..]);
        frame[4..36].copy_from_slice(checksum.as_bytes());
        assert_eq!(decode(&frame, workspace(1), 3), Err(Damaged("too large")));
    }

    #[test]
    fn every_flipped_bit_is_recognised() {
        let frame = encode(&document()).unwrap();
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
            let frame = encode(&document()).unwrap();
            let mut other = frame.get(..keep).unwrap_or(&frame).to_vec();
            other.extend(more);
            prop_assert!(other == frame || decode(&other, workspace(1), 3).is_err());
        }
    }
}
