//! Identity, profiles, workspaces and the gate.
