//! The 23 steps: drafts, completion, finalize.
