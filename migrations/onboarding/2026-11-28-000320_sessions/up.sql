-- What a session needs to live in time: the version of its answers, the revisions that can be taken back, reminders, and the
-- lease of the job that cleans up. A service of the version before goes on writing rows without these columns.

alter table onboarding.onboarding
    -- The version of the step definition that the drafts follow.
    add column schema_version text not null default '2026.11',
    -- Reminders sent since the last edit.
    add column reminded int not null default 0 check (reminded >= 0);
create index onboarding_open on onboarding.onboarding (last_activity_at)
    where progress in ('not_started', 'in_progress') and unlocked_by is not null;

-- The last revisions of each step, for taking back. `n` never repeats in a step; `restores` is the n whose answer it brought back.
create table onboarding.draft_revision (
    workspace_id uuid not null references onboarding.onboarding (workspace_id),
    slug text not null check (slug ~ '^[a-z]+(-[a-z]+)*$'),
    n bigint not null check (n > 0),
    epoch bigint not null check (epoch > 0),
    answer jsonb check (octet_length(answer::text) <= 65536),
    state text not null check (state in ('draft', 'complete', 'skipped', 'invalid')),
    updated_by uuid not null,
    updated_at timestamptz not null,
    restores bigint check (restores < n),
    primary key (workspace_id, slug, n)
);

-- Where reminders go: the address of the member who opened the session last. For the service alone, and erasable.
create table onboarding.contact (
    workspace_id uuid primary key references onboarding.onboarding (workspace_id),
    user_id uuid not null,
    email text not null check (char_length(email) between 3 and 320),
    updated_at timestamptz not null
);

-- Who does what only one may do at a time. A holder that died gives way when its time is over.
create table onboarding.lease (
    name text primary key,
    holder uuid not null,
    held_until timestamptz not null,
    -- When the work was last done to its end.
    done_at timestamptz
);

alter table onboarding.draft_revision enable row level security, force row level security;
alter table onboarding.contact enable row level security, force row level security;
alter table onboarding.lease enable row level security, force row level security;
create policy service_all on onboarding.draft_revision to onboarding_svc, onboarding_svc_owner using (true) with check (true);
create policy service_all on onboarding.contact to onboarding_svc, onboarding_svc_owner using (true) with check (true);
create policy service_all on onboarding.lease to onboarding_svc, onboarding_svc_owner using (true) with check (true);
create policy member_select on onboarding.draft_revision for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
-- Old revisions make room for new ones.
grant select, insert, update, delete on onboarding.draft_revision to onboarding_svc;
grant select on onboarding.draft_revision to authenticated;
grant select, insert, update on onboarding.contact, onboarding.lease to onboarding_svc;

create or replace function onboarding.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    delete from onboarding.contact where workspace_id = workspace;
    delete from onboarding.draft_revision where workspace_id = workspace;
    delete from onboarding.draft where workspace_id = workspace;
    delete from onboarding.business_context where workspace_id = workspace;
    delete from onboarding.unlock where workspace_id = workspace;
    delete from onboarding.onboarding where workspace_id = workspace;
end
$$;
