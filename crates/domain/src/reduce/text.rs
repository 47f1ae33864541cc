//! Cutting a text at word and grapheme boundaries.

use unicode_segmentation::UnicodeSegmentation;

/// The mark at the end of a text that was cut.
const ELLIPSIS: char = '…';

/// Words longer than this many graphemes may be cut inside: scripts without spaces, long URLs.
const LONGEST_WHOLE_WORD: usize = 16;

/// A place where a text may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The byte where the kept part ends.
    pub(super) end: usize,
    /// The graphemes of the kept part.
    pub(super) graphemes: usize,
}

/// The places where this text may be cut, from short to long; the end of the text is none of them.
pub(super) fn cuts(text: &str) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    let mut graphemes = 0;
    for (start, word) in text.split_word_bound_indices() {
        let inner: Vec<usize> = word.grapheme_indices(true).map(|(at, _)| at).collect();
        if inner.len() > LONGEST_WHOLE_WORD {
            let places = inner.iter().enumerate().skip(1);
            cuts.extend(places.map(|(n, at)| Cut { end: start + at, graphemes: graphemes + n }));
        }
        graphemes += inner.len();
        if word.chars().any(char::is_alphanumeric) || !word.is_ascii() {
            cuts.push(Cut { end: start + word.len(), graphemes });
        }
    }
    cuts.retain(|cut| cut.end < text.len());
    cuts
}

/// The text up to a cut, with the mark of a cut.
pub(super) fn cut(text: &str, at: Cut) -> String {
    let kept = text.get(..at.end).unwrap_or(text);
    let dangling = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '-' | '–' | '—' | '(');
    let mut kept = kept.trim_end_matches(dangling).to_owned();
    kept.push(ELLIPSIS);
    kept
}

/// The longest cut of at most this many graphemes; the first grapheme when no boundary is that early.
pub(super) fn cut_to(text: &str, graphemes: usize) -> String {
    if text.graphemes(true).count() <= graphemes {
        return text.to_owned();
    }
    let found = cuts(text).into_iter().rev().find(|at| at.graphemes <= graphemes);
    let by_grapheme = || Cut {
        end: text.grapheme_indices(true).nth(graphemes).map_or(text.len(), |(at, _)| at),
        graphemes,
    };
    cut(text, found.unwrap_or_else(by_grapheme))
}

/// The renderings of a text from headline over short to full. A text that is not much longer than a
/// rendering does without it.
pub(super) fn renderings(text: &str) -> Vec<String> {
    let length = text.graphemes(true).count();
    let mut renderings = Vec::new();
    if length > 90 {
        renderings.push(cut_to(text, 60));
    }
    if length > 240 {
        renderings.push(cut_to(text, 180));
    }
    renderings.push(text.to_owned());
    renderings
}
