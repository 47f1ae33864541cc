//! Chance that can be repeated: the same seed gives the same choices.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Less than `most`.
    pub fn below(&mut self, most: u64) -> u64 {
        self.0.random_range(0..most)
    }

    pub fn one_in(&mut self, chances: u32) -> bool {
        self.0.random_ratio(1, chances)
    }

    /// From `least` to `most`.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        self.0.random_range(least..=most)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        from.choose(&mut self.0).unwrap()
    }
}
