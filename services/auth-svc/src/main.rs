//! Identity, profiles, workspaces and the gate.

fn main() {}
