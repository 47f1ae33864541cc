drop function identity.read_gate(text, uuid, uuid, timestamptz);

create or replace function identity.my_workspace_ids() returns setof uuid
language sql stable security definer set search_path = '' as $$
    select m.workspace_id
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
    where m.user_id = (select auth.uid())
$$;

create or replace function identity.member_role(workspace uuid, "user" uuid) returns text
language sql stable security definer set search_path = '' as $$
    select m.role
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
    where m.workspace_id = workspace
      and m.user_id = "user"
      and (current_setting('role') is distinct from 'authenticated'
           or m.user_id = auth.uid()
           or exists (select from identity.memberships mine
                      where mine.workspace_id = m.workspace_id and mine.user_id = auth.uid()))
$$;
