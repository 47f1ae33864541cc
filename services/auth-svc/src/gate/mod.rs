//! Profiles and workspaces, and where a user is to go next.

pub mod ensure_profile;
pub mod verify_profile;
pub mod watch;
