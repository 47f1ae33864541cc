//! The longest prefix of the order that fits the budget, and the next text cut to fill the rest.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{
    Policy,
    order::Step,
    piece::{Piece, Segment, Standing},
    text::{self, Cut},
    tokens::{Counter, estimate_quarters},
};
use crate::{canonical::CanonicalError, manifest::CONTENT_SCHEMA_VERSION};

/// What each piece shows, by its index; `None` when it is left out.
pub(super) type Shown<'a> = Vec<Option<Cow<'a, Value>>>;

/// A choice of renderings with its content and the exact count of its canonical bytes.
pub(super) struct Fitted<'a> {
    pub(super) shown: Shown<'a>,
    pub(super) tree: Value,
    pub(super) tokens: u32,
}

/// The key of the content that is always there. No other comes after it in canonical order.
const LAST_KEY: &str = "schema_version";

/// A text that is added gets at least this many graphemes; less says nothing.
const LEAST_ADDED: usize = 12;

/// How many texts are tried for the tokens that are left.
const FILL_ATTEMPTS: usize = 6;

/// How many cuts are measured in the whole, from the one that should fit down.
const LAST_PROBES: usize = 4;

/// Estimates place this many probes, the rest halve what is left to search.
const GUIDED_PROBES: usize = 5;

pub(super) struct Fitter<'a> {
    pieces: &'a [Piece],
    steps: &'a [Step],
    /// The pieces by path, so that the keys of every object come in canonical order.
    layout: Vec<usize>,
    /// How many steps at the start are always taken: the identity fields.
    base: usize,
    budget: u32,
    counter: Counter,
}

impl<'a> Fitter<'a> {
    pub(super) fn new(pieces: &'a [Piece], steps: &'a [Step], base: usize, policy: Policy) -> Self {
        let mut layout: Vec<usize> = (0..pieces.len()).collect();
        layout.sort_by_key(|&index| pieces.get(index).map(|piece| &piece.path));
        Self { pieces, steps, layout, base, budget: policy.budget(), counter: Counter::new(policy.encoding()) }
    }

    pub(super) fn fit(&mut self) -> Result<Fitted<'a>, CanonicalError> {
        let base = self.measure(self.prefix(self.base))?;
        if base.tokens > self.budget {
            return self.squeeze(base);
        }
        let (taken, fitted) = self.longest_prefix(base)?;
        self.fill(taken, fitted)
    }

    /// The longest prefix that fits, found by probing where the estimates point to.
    fn longest_prefix(&mut self, base: Fitted<'a>) -> Result<(usize, Fitted<'a>), CanonicalError> {
        let mut costs: Vec<u64> = vec![0];
        costs.extend(self.steps.iter().scan(0, |total, step| {
            *total += step.cost;
            Some(*total)
        }));
        let cost_of = |taken: usize| costs.get(taken).copied().unwrap_or(0);
        let (mut low, mut best, mut high) = (self.base, base, self.steps.len() + 1);
        let mut too_many: Option<u32> = None;
        let mut probes = 0;
        while high - low > 1 {
            let guess = if probes < GUIDED_PROBES {
                // Costs are taken to grow with tokens as they do between the two ends, or at first as guessed.
                let spare = u64::from(self.budget.saturating_sub(best.tokens));
                let (run, rise) = match too_many {
                    Some(tokens) => (cost_of(high) - cost_of(low), u64::from(tokens.saturating_sub(best.tokens))),
                    None if low > self.base => (cost_of(low), u64::from(best.tokens)),
                    None => (4, 1),
                };
                let target = cost_of(low) + spare * run / rise.max(1);
                costs.partition_point(|&cost| cost <= target).saturating_sub(1)
            } else {
                low.midpoint(high)
            };
            probes += 1;
            let guess = guess.clamp(low + 1, high - 1);
            let probe = self.measure(self.prefix(guess))?;
            if self.fits(&probe) {
                (low, best) = (guess, probe);
            } else {
                high = guess;
                too_many = Some(probe.tokens);
            }
        }
        Ok((low, best))
    }

    /// Spends what is left on the next text, or on longer renderings of texts that are there already.
    fn fill(&mut self, taken: usize, mut fitted: Fitted<'a>) -> Result<Fitted<'a>, CanonicalError> {
        let steps = self.steps.get(taken..).unwrap_or_default();
        let mut attempts = 0;
        for (index, step) in steps.iter().enumerate() {
            if attempts == FILL_ATTEMPTS || fitted.tokens + 3 > self.budget {
                break;
            }
            let Some(piece) = self.pieces.get(step.piece) else { continue };
            let here = fitted.shown.get(step.piece).and_then(Option::as_deref);
            // Adding a later field here would lose it again when the budget lets the next one in.
            let raises = here.is_some() && here == step.level.checked_sub(1).and_then(|l| piece.renderings.get(l));
            if !piece.may_be_cut || !(index == 0 || raises) {
                continue;
            }
            if let Some(Value::String(target)) = piece.renderings.get(step.level) {
                attempts += 1;
                fitted = self.extend(step.piece, target, fitted)?;
            }
        }
        Ok(fitted)
    }

    /// Shows as much of the target text as fits, if that is more than is shown now.
    fn extend(&mut self, piece: usize, target: &'a str, fitted: Fitted<'a>) -> Result<Fitted<'a>, CanonicalError> {
        let current = fitted.shown.get(piece).and_then(Option::as_deref);
        let current = current.and_then(Value::as_str).map(ToOwned::to_owned);
        let least = current.as_deref().map_or(LEAST_ADDED, |text| text::length(text) + 1);
        // No text takes fewer tokens than half the guess: what is longer needs no look.
        let spare = u64::from(self.budget - fitted.tokens);
        let most = current.as_deref().map_or(0, estimate_quarters) + 8 * spare + 40;
        let whole = Cut { end: target.len(), graphemes: text::length(target) };
        let cuts: Vec<Cut> = text::cuts(target)
            .chain([whole])
            .filter(|at| at.graphemes >= least)
            .take_while(|at| target.get(..at.end).is_some_and(|kept| estimate_quarters(kept) <= most))
            .collect();
        let Some(&shortest) = cuts.first() else {
            return Ok(fitted);
        };
        // The tokens of the text alone say how the whole count changes, but for what joins at its end.
        let (mut best, known) = if let Some(current) = current {
            (fitted, current)
        } else {
            let added = self.measure(replaced(&fitted.shown, piece, target, shortest))?;
            if !self.fits(&added) {
                return Ok(fitted);
            }
            (added, shortened(target, shortest))
        };
        let allowed = self.counter.text(&known) + self.budget - best.tokens;
        let reach = cuts.partition_point(|&at| self.counter.text(&shortened(target, at)) <= allowed);
        for &at in cuts.iter().take(reach).rev().take(LAST_PROBES) {
            let probe = self.measure(replaced(&best.shown, piece, target, at))?;
            if self.fits(&probe) {
                best = probe;
                break;
            }
        }
        Ok(best)
    }

    /// A budget below the identity fields: all of them stay, each cut until they fit together.
    fn squeeze(&mut self, base: Fitted<'a>) -> Result<Fitted<'a>, CanonicalError> {
        let mut squeezed = base;
        for graphemes in [16, 12, 8, 6, 4, 3, 2, 1] {
            let mut shown = self.prefix(self.base);
            for value in shown.iter_mut().flatten() {
                if let Some(text) = value.as_str() {
                    let text = text::cut_to(text.trim_end_matches(text::ELLIPSIS), graphemes);
                    *value = Cow::Owned(Value::String(text));
                }
            }
            squeezed = self.measure(shown)?;
            if squeezed.tokens <= self.budget {
                break;
            }
        }
        let identity = self.steps.get(..self.base).unwrap_or_default();
        for step in identity {
            let target = self.pieces.get(step.piece).and_then(|piece| piece.renderings.first());
            if let Some(Value::String(target)) = target
                && squeezed.tokens < self.budget
            {
                squeezed = self.extend(step.piece, target, squeezed)?;
            }
        }
        Ok(squeezed)
    }

    fn prefix(&self, taken: usize) -> Shown<'a> {
        let mut shown: Shown<'a> = vec![None; self.pieces.len()];
        for step in self.steps.iter().take(taken) {
            let value = self.pieces.get(step.piece).and_then(|piece| piece.renderings.get(step.level));
            if let Some(place) = shown.get_mut(step.piece) {
                *place = value.map(Cow::Borrowed);
            }
        }
        shown
    }

    fn measure(&mut self, shown: Shown<'a>) -> Result<Fitted<'a>, CanonicalError> {
        let tree = self.assemble(&shown);
        // With its keys in order and no number but integers, the plain text of the tree is canonical.
        let tokens = self.counter.count(&serde_json::to_string(&tree)?);
        Ok(Fitted { shown, tree, tokens })
    }

    /// The content tree of what is shown.
    fn assemble(&self, shown: &Shown<'a>) -> Value {
        let mut root = Value::Object(Map::new());
        for &index in &self.layout {
            if let (Some(piece), Some(Some(value))) = (self.pieces.get(index), shown.get(index)) {
                place(&mut root, &piece.path, value);
            }
        }
        if let Some(members) = root.as_object_mut() {
            members.insert(LAST_KEY.to_owned(), CONTENT_SCHEMA_VERSION.into());
        }
        root
    }

    fn fits(&mut self, fitted: &Fitted<'_>) -> bool {
        if fitted.tokens > self.budget {
            return false;
        }
        let banned: Vec<&Value> = self
            .pieces
            .iter()
            .zip(&fitted.shown)
            .filter(|(piece, _)| piece.standing == Standing::Banned)
            .filter_map(|(_, shown)| shown.as_deref())
            .collect();
        banned.is_empty() || self.counter.count(&json!(banned).to_string()) <= self.budget / 4
    }
}

fn shortened(target: &str, at: Cut) -> String {
    if at.end == target.len() { target.to_owned() } else { text::cut(target, at) }
}

fn replaced<'a>(shown: &Shown<'a>, piece: usize, target: &str, at: Cut) -> Shown<'a> {
    let mut shown = shown.clone();
    if let Some(place) = shown.get_mut(piece) {
        *place = Some(Cow::Owned(Value::String(shortened(target, at))));
    }
    shown
}

/// Sets the leaf at a path. Items of a list come in order, so that each one is the next.
fn place(at: &mut Value, path: &[Segment], value: &Value) {
    let Some((segment, rest)) = path.split_first() else {
        *at = value.clone();
        return;
    };
    match segment {
        Segment::Key(key) => {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            if let Some(members) = at.as_object_mut() {
                match members.get_mut(*key) {
                    Some(member) => place(member, rest, value),
                    None => place(members.entry(*key).or_insert(Value::Null), rest, value),
                }
            }
        }
        Segment::Index(index) => {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            if let Some(items) = at.as_array_mut() {
                if *index >= items.len() {
                    items.push(Value::Null);
                }
                if let Some(item) = items.get_mut(*index) {
                    place(item, rest, value);
                }
            }
        }
    }
}
