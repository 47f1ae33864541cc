-- Accounts that are to end, and when.
create table identity.account_deletion (
    user_id uuid primary key,
    requested_at timestamptz not null,
    due_at timestamptz not null
);
create index account_deletion_due on identity.account_deletion (due_at);

alter table identity.account_deletion enable row level security, force row level security;
create policy service_all on identity.account_deletion to auth_svc, auth_svc_owner using (true) with check (true);
grant select, insert, update, delete on identity.account_deletion to auth_svc;

-- Somebody's own acts, for the export of what we know of them.
create index audit_log_actor on identity.audit_log (actor_id, id) where actor_id is not null;

create function identity.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    delete from identity.invitation where workspace_id = workspace;
    delete from identity.gate_subscription where workspace_id = workspace;
    delete from identity.gate_order where workspace_id = workspace;
    delete from identity.gate_onboarding where workspace_id = workspace;
    delete from identity.gate_manifest where workspace_id = workspace;
    update identity.workspaces set name = 'Deleted', slug = 'deleted-' || replace(id::text, '-', '')
        where id = workspace and deleted_at is not null;
end
$$;
revoke execute on function identity.erase_own(uuid) from public;
