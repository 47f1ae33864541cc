-- Invitations to workspaces. Whoever reads mail at the address may accept, once.

create table identity.invitation (
    id uuid primary key,
    workspace_id uuid not null references identity.workspaces (id),
    -- In lower case.
    email text not null,
    role text not null check (role in ('admin', 'member')),
    -- SHA-256 of the token in the mail.
    token_hash bytea not null unique,
    invited_by uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    accepted_at timestamptz,
    accepted_by uuid,
    revoked_at timestamptz
);
create unique index invitation_open on identity.invitation (workspace_id, email)
    where accepted_at is null and revoked_at is null;
create index invitation_workspace on identity.invitation (workspace_id, created_at);

alter table identity.invitation enable row level security, force row level security;
create policy service_all on identity.invitation to auth_svc, auth_svc_owner using (true) with check (true);
grant select, insert, update on identity.invitation to auth_svc;
