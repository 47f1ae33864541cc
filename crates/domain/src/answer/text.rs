//! The normal form of a text.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// NFC, `\n` line ends, trimmed; empty when nothing visible is left.
pub(super) fn normalise(text: &str) -> String {
    let unix = text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let composed: String = unix.nfc().collect();
    let trimmed = composed.trim();
    if trimmed.chars().all(is_invisible) {
        return String::new();
    }
    trimmed.to_owned()
}

fn is_invisible(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The length in grapheme clusters.
pub(super) fn length(text: &str) -> usize {
    text.graphemes(true).count()
}

/// Whether the text holds a control character; a line feed counts only in texts of one line.
pub(super) fn has_control(text: &str, one_line: bool) -> bool {
    text.chars().any(|c| c.is_control() && (one_line || c != '\n'))
}

/// What two texts must share to be the same item of a list.
pub(super) fn folded(text: &str) -> String {
    text.to_lowercase().nfc().collect()
}
