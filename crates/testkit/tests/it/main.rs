//! What holds for every schema, asked of the catalog and tried as the real roles; and the rig's own parts.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod catalog;
mod migrations;
mod process;
mod relay;
mod row_security;
mod tenancy;
