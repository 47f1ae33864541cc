//! Exact token counts of JSON documents that differ little from one another.

use std::collections::HashMap;

use super::Encoding;

/// Counts the tokens of canonical JSON, remembering the count of each segment it has seen.
///
/// Both encodings first split a text by a pattern whose alternatives, read from left to right, take a
/// run of punctuation whole. In JSON an opening quote and the structural character before it always
/// stand in such a run, and the run ends where a letter or digit follows. So a token never reaches over
/// that place, and the count of a document is the sum of the counts of its segments between such places.
pub(super) struct Counter {
    encoding: Encoding,
    seen: HashMap<Box<str>, u32>,
}

impl Counter {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, seen: HashMap::new() }
    }

    pub(super) fn count(&mut self, json: &str) -> u32 {
        let mut total: u32 = 0;
        let mut start = 0;
        for (index, window) in json.as_bytes().windows(3).enumerate() {
            let &[before, quote, after] = window else { continue };
            if quote == b'"'
                && matches!(before, b'{' | b'[' | b',' | b':')
                && after.is_ascii_alphanumeric()
            {
                let end = index + 2;
                total += self.segment(json.get(start..end).unwrap_or_default());
                start = end;
            }
        }
        total + self.segment(json.get(start..).unwrap_or_default())
    }

    fn segment(&mut self, text: &str) -> u32 {
        if let Some(&count) = self.seen.get(text) {
            return count;
        }
        let count = self.encoding.count(text);
        self.seen.insert(text.into(), count);
        count
    }
}

/// A cheap guess at the tokens of a text, in quarters of a token: four ASCII characters make about one
/// token, any other character about one. The order of the steps rests on it, so it must never change
/// within a reducer version.
pub(super) fn estimate_quarters(text: &str) -> u64 {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 4 }).sum()
}
