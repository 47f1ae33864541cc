-- CASCADE takes the trigger along: dropping it by name would need ownership of auth.users.
drop function identity.on_auth_user_created() cascade;
drop function identity.provision_user(uuid, text, text);
drop function identity.enqueue_workspace_event(text, uuid, jsonb);

drop policy manager_update on identity.workspaces;
drop policy member_select on identity.workspaces;
drop policy member_select on identity.memberships;
drop function identity.member_role(uuid, uuid);
drop function identity.my_workspace_ids();
drop function identity.uuid_v7();

drop table identity.user_repair;
drop table identity.memberships;
drop table identity.workspaces;
drop table identity.profiles;
