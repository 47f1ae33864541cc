//! The one order in which pieces are added and raised. It does not depend on the budget: a larger
//! budget takes a longer prefix of it and so never loses a field.

use std::cmp::Reverse;

use super::piece::{Piece, Standing};

/// Adds a piece (level 0) or raises it to the next rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The index of the piece.
    pub(super) piece: usize,
    /// The index of the rendering it is raised to.
    pub(super) level: usize,
    /// The guess at the tokens it costs, in quarters.
    pub(super) cost: u64,
}

/// All steps in order, the first ones adding the identity fields, and how many those are.
pub(super) fn order(pieces: &[Piece]) -> (Vec<Step>, usize) {
    let mut identity = Vec::new();
    let mut banned = Vec::new();
    let mut scored = Vec::new();
    // The score and depth of each piece's first step; a piece comes after the one it needs.
    let mut firsts: Vec<(u64, usize)> = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        let needed = piece.needs.and_then(|needs| firsts.get(needs).copied());
        let (mut ceiling, mut depth) = needed.map_or((u64::MAX, 0), |(score, depth)| (score, depth + 1));
        if piece.standing == Standing::Identity {
            (ceiling, depth) = (u64::MAX, 0);
        }
        for level in 0..piece.renderings.len() {
            let cost = piece.cost(level);
            let score = score(piece, level, cost).min(ceiling);
            let step = Step { piece: index, level, cost };
            let first = level == 0;
            if first {
                // An identity field stands from the start, so it holds nothing back.
                let seen = if piece.standing == Standing::Identity { u64::MAX } else { score };
                firsts.push((seen, depth));
            }
            match piece.standing {
                Standing::Identity if first => identity.push(step),
                Standing::Banned => banned.push(step),
                _ => scored.push((Reverse(score), depth + level, &piece.path, step)),
            }
            ceiling = score;
        }
    }
    scored.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    let base = identity.len();
    let mut steps = identity;
    interleave(&mut steps, scored.into_iter().map(|scored| scored.3), &banned);
    (steps, base)
}

/// The value of a step for each token it costs. A first rendering holds most of the value.
fn score(piece: &Piece, level: usize, cost: u64) -> u64 {
    let share = match (piece.renderings.len(), level) {
        (1, _) => 100,
        (_, 0) => 60,
        (2, _) => 40,
        (_, 1) => 25,
        _ => 15,
    };
    piece.value * share * 1000 / cost.max(1)
}

/// Puts the banned phrases, in their order, among the other steps as early as they stay below a quarter
/// of what stands before them, so that they are a quarter of no prefix.
fn interleave(steps: &mut Vec<Step>, others: impl Iterator<Item = Step>, banned: &[Step]) {
    let mut waiting = banned.iter().peekable();
    let mut total: u64 = steps.iter().map(|step| step.cost).sum();
    let mut taken: u64 = 0;
    for step in others {
        total += step.cost;
        steps.push(step);
        // Rare words take twice the guess, and a guess that is too low must not reach a quarter.
        while let Some(&phrase) = waiting.next_if(|phrase| (taken + 2 * phrase.cost) * 5 <= total) {
            taken += 2 * phrase.cost;
            total += phrase.cost;
            steps.push(phrase);
        }
    }
    steps.extend(waiting);
}
