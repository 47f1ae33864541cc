//! Who is asking: access tokens, their verification, and membership of workspaces.

mod claims;
mod extract;
mod jwks;
mod membership;
mod verifier;

pub use claims::Claims;
pub(crate) use extract::refuse_stranger;
pub use extract::{Authenticated, LastKnownMember, Member, OPERATOR, Operator};
pub use membership::{AuthoriseError, Membership, authorise};
pub use verifier::{AuthError, Verifier};
