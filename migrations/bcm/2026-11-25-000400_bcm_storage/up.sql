-- Business context manifests: every version as its exact bytes, the head that hands out versions, the
-- contexts they are made of, and the jobs that make them again.

-- The context a version was reduced from, kept so that it can be rebuilt and compared. Append-only.
create table bcm.source_context (
    workspace_id uuid not null,
    context_number int not null check (context_number > 0),
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    bytes bytea not null check (octet_length(bytes) <= 196608),
    received_at timestamptz not null default now(),
    primary key (workspace_id, context_number)
);

-- Append-only: no role but the owner can change or remove a version. The checksum is SHA-256 of content,
-- checked by every reader and not by the table, which must be able to hold what a fault left.
create table bcm.business_context_manifests (
    workspace_id uuid not null,
    sequence int not null check (sequence > 0),
    version text not null check (version ~ '^[1-9][0-9]*\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$'),
    checksum text not null check (checksum ~ '^[0-9a-f]{64}$'),
    content bytea not null,
    record jsonb not null,
    provenance jsonb not null,
    context_number int not null,
    context_sha256 text not null check (context_sha256 ~ '^[0-9a-f]{64}$'),
    reducer_version text not null,
    policy text not null,
    reason text not null check (reason in ('onboarding', 'rebuild', 'rollback', 'edit')),
    -- The event or job this version answers: one cause gives one version.
    cause_id uuid unique,
    created_by uuid,
    created_at timestamptz not null,
    primary key (workspace_id, sequence),
    unique (workspace_id, version),
    foreign key (workspace_id, context_number) references bcm.source_context (workspace_id, context_number)
);
create index business_context_manifests_context
    on bcm.business_context_manifests (workspace_id, context_number);

-- The current version. Whoever makes a version locks this row first, or inserts it: the second of two first
-- versions waits here. The reference is checked at commit, so that the head can precede its manifest.
create table bcm.manifest_head (
    workspace_id uuid primary key,
    sequence int not null,
    version text not null,
    checksum text not null,
    -- Consumers stay on this version while it is set.
    pinned_sequence int,
    updated_at timestamptz not null default now(),
    foreign key (workspace_id, sequence)
        references bcm.business_context_manifests (workspace_id, sequence) deferrable initially deferred,
    foreign key (workspace_id, pinned_sequence)
        references bcm.business_context_manifests (workspace_id, sequence)
);
create index manifest_head_sequence on bcm.manifest_head (workspace_id, sequence);
create index manifest_head_pinned on bcm.manifest_head (workspace_id, pinned_sequence);

create table bcm.rebuild_job (
    id uuid primary key,
    workspace_id uuid not null,
    state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed')),
    reason text not null,
    forced boolean not null default false,
    requested_by uuid not null,
    attempts int not null default 0,
    lease_until timestamptz,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    result jsonb
);
create unique index rebuild_job_one_open on bcm.rebuild_job (workspace_id) where state in ('queued', 'running');
create index rebuild_job_workspace on bcm.rebuild_job (workspace_id, created_at desc);
create index rebuild_job_due on bcm.rebuild_job (created_at) where state in ('queued', 'running');

-- The latest subscription event by sequence: a rebuild needs an entitlement, reading does not.
create table bcm.entitlement (
    workspace_id uuid primary key,
    status text not null,
    period_end timestamptz not null,
    grace_end timestamptz,
    sequence bigint not null,
    updated_at timestamptz not null default now()
);

alter table bcm.source_context enable row level security, force row level security;
alter table bcm.business_context_manifests enable row level security, force row level security;
alter table bcm.manifest_head enable row level security, force row level security;
alter table bcm.rebuild_job enable row level security, force row level security;
alter table bcm.entitlement enable row level security, force row level security;

create policy service_all on bcm.source_context to bcm_svc, bcm_svc_owner using (true) with check (true);
create policy service_all on bcm.business_context_manifests to bcm_svc, bcm_svc_owner using (true) with check (true);
create policy service_all on bcm.manifest_head to bcm_svc, bcm_svc_owner using (true) with check (true);
create policy service_all on bcm.rebuild_job to bcm_svc, bcm_svc_owner using (true) with check (true);
create policy service_all on bcm.entitlement to bcm_svc, bcm_svc_owner using (true) with check (true);

create policy member_select on bcm.source_context for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on bcm.business_context_manifests for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on bcm.manifest_head for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on bcm.rebuild_job for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on bcm.entitlement for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));

grant select, insert on bcm.source_context, bcm.business_context_manifests to bcm_svc;
grant select, insert, update on bcm.manifest_head, bcm.rebuild_job, bcm.entitlement to bcm_svc;
grant select on bcm.source_context, bcm.business_context_manifests, bcm.manifest_head, bcm.rebuild_job,
    bcm.entitlement to authenticated;
