//! Exact token counts of JSON documents that differ little from one another.

use std::collections::HashMap;

use super::Encoding;

/// Counts the tokens of canonical JSON, remembering the count of each part it has seen.
///
/// Both encodings first split a text by a pattern whose alternatives, read from left to right, take a
/// run of punctuation whole. In JSON an opening quote and the structural character before it always
/// stand in such a run, and the run ends where a letter or digit follows. So a token never reaches over
/// that place, and the count of a document is the sum of the counts of its segments between such places.
///
/// Inside a segment every space after something that is no white space begins a match of the pattern,
/// whose alternatives have a space at their start only, and no lookahead of it reaches back over such a
/// place. So the count of a segment is the sum of the counts of its words with the space before them,
/// and most words of a text come again in its other renderings.
pub(super) struct Counter {
    encoding: Encoding,
    segments: HashMap<Box<str>, u32>,
    words: HashMap<Box<str>, u32>,
}

impl Counter {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, segments: HashMap::new(), words: HashMap::new() }
    }

    pub(super) fn count(&mut self, json: &str) -> u32 {
        let mut total: u32 = 0;
        let mut start = 0;
        for (index, window) in json.as_bytes().windows(3).enumerate() {
            let &[before, quote, after] = window else { continue };
            if quote == b'"' && matches!(before, b'{' | b'[' | b',' | b':') && after.is_ascii_alphanumeric() {
                let end = index + 2;
                total += self.segment(json.get(start..end).unwrap_or_default());
                start = end;
            }
        }
        total + self.segment(json.get(start..).unwrap_or_default())
    }

    /// The tokens of a text as a member of an object.
    pub(super) fn text(&mut self, text: &str) -> u32 {
        self.by_words(&format!("x\":{},\"", serde_json::Value::from(text)))
    }

    fn segment(&mut self, text: &str) -> u32 {
        if let Some(&count) = self.segments.get(text) {
            return count;
        }
        let count = self.by_words(text);
        self.segments.insert(text.into(), count);
        count
    }

    fn by_words(&mut self, text: &str) -> u32 {
        let mut total: u32 = 0;
        let mut start = 0;
        for (at, _) in text.match_indices(' ') {
            let before = text.get(start..at).unwrap_or_default();
            if before.chars().next_back().is_some_and(|c| !c.is_whitespace()) {
                total += self.word(before);
                start = at;
            }
        }
        total + self.word(text.get(start..).unwrap_or_default())
    }

    fn word(&mut self, text: &str) -> u32 {
        if let Some(&count) = self.words.get(text) {
            return count;
        }
        let count = self.encoding.count(text);
        self.words.insert(text.into(), count);
        count
    }
}

/// A cheap guess at the tokens of a text, in quarters of a token: four ASCII characters make about one
/// token, any other character about one. The order of the steps rests on it, so it must never change
/// within a reducer version.
pub(super) fn estimate_quarters(text: &str) -> u64 {
    let other = if text.is_ascii() { 0 } else { text.chars().filter(|c| !c.is_ascii()).count() };
    let all = if other == 0 { text.len() } else { text.chars().count() };
    u64::try_from(all + 3 * other).unwrap_or(u64::MAX)
}
