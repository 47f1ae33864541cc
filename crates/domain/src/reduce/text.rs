//! Cutting a text at word and grapheme boundaries.

use unicode_segmentation::UnicodeSegmentation;

/// The mark at the end of a text that was cut.
pub(super) const ELLIPSIS: char = '…';

/// Words longer than this many graphemes may be cut inside: scripts without spaces, long URLs.
const LONGEST_WHOLE_WORD: usize = 16;

/// The longest headline and short rendering, in graphemes, and the length from which each is worth having.
const HEADLINE: usize = 60;
const WITH_HEADLINE: usize = 90;
const SHORT: usize = 180;
const WITH_SHORT: usize = 240;

/// A place where a text may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The byte where the kept part ends.
    pub(super) end: usize,
    /// The graphemes of the kept part.
    pub(super) graphemes: usize,
}

/// The length in graphemes.
pub(super) fn length(text: &str) -> usize {
    // Among ASCII only CR LF would be one grapheme of two bytes, and normal text holds no CR.
    if text.is_ascii() { text.len() } else { text.graphemes(true).count() }
}

/// Whether the text has more graphemes than this, at the cost of looking at no more than that.
fn is_longer(text: &str, graphemes: usize) -> bool {
    text.len() > graphemes && (text.is_ascii() || text.graphemes(true).nth(graphemes).is_some())
}

/// The places where this text may be cut, from short to long; the end of the text is none of them.
pub(super) fn cuts(text: &str) -> impl Iterator<Item = Cut> {
    let mut graphemes = 0;
    text.split_word_bound_indices()
        .flat_map(move |(start, word)| {
            let before = graphemes;
            let inside = length(word);
            graphemes += inside;
            let long = if inside > LONGEST_WHOLE_WORD { word } else { "" };
            let within =
                long.grapheme_indices(true).enumerate().skip(1).map(move |(n, (at, _))| Cut { end: start + at, graphemes: before + n });
            let is_word = word.chars().any(char::is_alphanumeric) || !word.is_ascii();
            let whole = is_word.then_some(Cut { end: start + word.len(), graphemes: before + inside });
            within.chain(whole)
        })
        .filter(|cut| cut.end < text.len())
}

/// The text up to a cut, with the mark of a cut.
pub(super) fn cut(text: &str, at: Cut) -> String {
    let dangling = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '-' | '–' | '—' | '(');
    let kept = text.get(..at.end).unwrap_or(text);
    let mut kept = kept.trim_end_matches(dangling).to_owned();
    kept.push(ELLIPSIS);
    kept
}

/// The longest cut of at most this many graphemes, inside the first word when no boundary is that early.
pub(crate) fn cut_to(text: &str, graphemes: usize) -> String {
    if !is_longer(text, graphemes) {
        return text.to_owned();
    }
    let found = cuts(text).take_while(|at| at.graphemes <= graphemes).last();
    let by_grapheme = || Cut { end: text.grapheme_indices(true).nth(graphemes).map_or(text.len(), |(at, _)| at), graphemes };
    cut(text, found.unwrap_or_else(by_grapheme))
}

/// The renderings of a text from headline over short to full. A text that is not much longer than a
/// rendering does without it.
pub(super) fn renderings(text: &str) -> Vec<String> {
    let mut renderings = Vec::new();
    if is_longer(text, WITH_HEADLINE) {
        renderings.push(cut_to(text, HEADLINE));
    }
    if is_longer(text, WITH_SHORT) {
        renderings.push(cut_to(text, SHORT));
    }
    renderings.push(text.to_owned());
    renderings
}
