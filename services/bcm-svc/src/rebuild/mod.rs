//! Making the manifest again from the newest context: asked for by a member, run by any replica.

pub mod request;
pub mod run;
pub mod status;
pub mod upgrade;
