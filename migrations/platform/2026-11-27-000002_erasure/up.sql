-- What a service has of a workspace is destroyed when the workspace is deleted. Only the owner role may delete, so a function of
-- its own does. What is written late (an event that was on its way, a request of somebody whose role was still remembered) goes
-- when the function runs again: a job repeats it for the workspaces listed here.
create table erased_workspace (
    workspace_id uuid primary key,
    erased_at timestamptz not null default now()
);
create index erased_workspace_at on erased_workspace (erased_at);

do $platform$
declare
    schema_name constant text := current_schema();
    runtime constant text := case schema_name
        when 'identity' then 'auth_svc'
        when 'payments' then 'payments_svc'
        when 'onboarding' then 'onboarding_svc'
        when 'bcm' then 'bcm_svc'
    end;
begin
    execute format('revoke all on %I.erased_workspace from public, anon, authenticated, service_role', schema_name);
    execute format('grant select on %I.erased_workspace to %I', schema_name, runtime);
    execute format('alter table %I.erased_workspace enable row level security, force row level security', schema_name);
    execute format('create policy service_all on %I.erased_workspace to %I, %I using (true) with check (true)',
                   schema_name, runtime, runtime || '_owner');

    -- erase_own comes with the service's own tables.
    execute format($definition$
        create function %1$I.erase_workspace(workspace uuid) returns void
        language plpgsql volatile security definer set search_path = '' as $$
        begin
            insert into %1$I.erased_workspace (workspace_id) values (workspace) on conflict do nothing;
            perform %1$I.erase_own(workspace);
            delete from %1$I.outbox o where o.workspace_id = workspace and o.published_at is not null;
            delete from %1$I.mail_outbox m
                where m.workspace_id = workspace and (m.sent_at is not null or m.failed_at is not null);
        end
        $$
    $definition$, schema_name);
    execute format('revoke execute on function %I.erase_workspace(uuid) from public', schema_name);
    execute format('grant execute on function %I.erase_workspace(uuid) to %I', schema_name, runtime);
end
$platform$;
