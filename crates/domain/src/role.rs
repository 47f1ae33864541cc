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

    /// Whether this role may take a member with the role `of` away: owners anybody, admins those below them.
    pub fn may_remove(self, of: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => of < Self::Admin,
            Self::Member => false,
        }
    }

    /// Whether this role may invite somebody as `to`. Owners are made by owners among members, not by mail.
    pub fn may_invite(self, to: Self) -> bool {
        self >= Self::Admin && to < Self::Owner
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

    #[test]
    fn owners_remove_anybody_admins_those_below_them_and_nobody_is_invited_as_an_owner() {
        let pairs = |may: fn(super::Role, super::Role) -> bool| {
            let all = [Owner, Admin, Member];
            all.into_iter().flat_map(|one| all.map(|other| (one, other))).filter(|(one, other)| may(*one, *other)).collect::<Vec<_>>()
        };
        assert_eq!(pairs(super::Role::may_remove), [(Owner, Owner), (Owner, Admin), (Owner, Member), (Admin, Member)]);
        assert_eq!(pairs(super::Role::may_invite), [(Owner, Admin), (Owner, Member), (Admin, Admin), (Admin, Member)]);
    }
}
