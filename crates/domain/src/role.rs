//! What a member may do in a workspace.

use crate::text_enum::text_enum;

text_enum! {
    /// Ordered by power: `Member < Admin < Owner`.
    Role {
        /// Reads everything and edits answers.
        Member = "member",
        /// Also pays, finalizes, rebuilds and manages members.
        Admin = "admin",
        /// Also changes roles, transfers and deletes. A workspace always has one.
        Owner = "owner",
    }
}

impl Role {
    /// Whether this role may do what `required` may do.
    pub fn at_least(self, required: Self) -> bool {
        self >= required
    }
}

#[cfg(test)]
mod tests {
    use super::Role::{Admin, Member, Owner};

    #[test]
    fn a_role_may_do_what_the_roles_below_it_may() {
        assert!(Owner.at_least(Owner) && Owner.at_least(Admin) && Owner.at_least(Member));
        assert!(!Admin.at_least(Owner) && Admin.at_least(Admin) && Admin.at_least(Member));
        assert!(!Member.at_least(Owner) && !Member.at_least(Admin) && Member.at_least(Member));
    }
}
