//! The 23 steps: drafts, completion, finalize.

fn main() {}
