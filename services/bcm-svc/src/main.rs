//! The Business Context Manifest store.

fn main() {}
