//! The normal form of a text.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;

const OTHER_LINE_ENDS: [char; 3] = ['\r', '\u{2028}', '\u{2029}'];

/// NFC, `\n` line ends, without white space and characters of no width around it; empty when nothing visible is left.
pub(super) fn normalise(text: &str) -> String {
    let unix = if text.contains(OTHER_LINE_ENDS) {
        Cow::Owned(text.replace("\r\n", "\n").replace(OTHER_LINE_ENDS, "\n"))
    } else {
        Cow::Borrowed(text)
    };
    let composed = composed(unix);
    let trimmed = composed.trim_matches(|c: char| c.is_whitespace() || has_no_width(c));
    if is_blank(trimmed) {
        return String::new();
    }
    trimmed.to_owned()
}

/// NFC. Most texts are it already, which is far cheaper to see than to make.
fn composed(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes { text } else { Cow::Owned(text.nfc().collect()) }
}

/// Whether the normal form is empty: composing makes nothing visible, nor anything invisible.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// Characters without width that no script needs between its letters. The joiners (U+200C, U+200D), which Persian, the scripts of
/// India and emoji need, and the direction marks (U+200E, U+200F) are none of them.
fn has_no_width(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Embeddings, overrides and isolates: they make a text read otherwise than it is stored, beyond its own field too.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the text holds what nobody sees and nobody typed.
pub(super) fn has_hidden(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|c| has_no_width(c) || changes_direction(c))
}

fn is_invisible(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The length in grapheme clusters.
pub(super) fn length(text: &str) -> usize {
    // In ASCII only a line end of two characters is a cluster of more than one.
    if text.is_ascii() && !text.contains('\r') { text.len() } else { text.graphemes(true).count() }
}

/// Whether the text holds a control character; a line feed counts only in texts of one line.
pub(super) fn has_control(text: &str, one_line: bool) -> bool {
    text.chars().any(|c| c.is_control() && (one_line || c != '\n'))
}

/// What two texts must share to be the same item of a list.
pub(crate) fn folded(text: &str) -> String {
    composed(text.to_lowercase().into()).into_owned()
}
