-- Onboarding: the three facts its status is computed from, the proof of the unlock, the answers, and the
-- business contexts made of them.

create table onboarding.onboarding (
    workspace_id uuid primary key,
    -- Fact 1: the order, or the subscription of a trial, that unlocked. One source unlocks one workspace.
    unlocked_by uuid unique,
    unlocked_at timestamptz,
    -- Fact 2: the latest subscription event by sequence.
    subscription_status text check (subscription_status in (
        'trialing', 'active', 'past_due', 'paused', 'canceled', 'expired')),
    subscription_sequence bigint not null default 0,
    subscription_period_end timestamptz,
    subscription_grace_end timestamptz,
    -- Fact 3: how far the members came.
    progress text not null default 'not_started' check (progress in (
        'not_started', 'in_progress', 'finalizing', 'completed', 'reopened', 'archived')),
    -- The status that the last event told, so that each change of status is told once even when time itself
    -- (the end of a period) made it.
    announced_status text not null default 'locked' check (announced_status in (
        'locked', 'unlocked', 'in_progress', 'finalizing', 'completed', 'reopened', 'suspended', 'archived')),
    -- Raised whenever drafts begin to be kept elsewhere (loaded into Redis, or written here past it), so that what
    -- belongs to an older epoch is recognised wherever it turns up.
    draft_epoch bigint not null default 1 check (draft_epoch > 0),
    -- Whether Redis may hold the drafts of this epoch.
    drafts_in_redis boolean not null default false,
    -- The latest business context.
    context_number int check (context_number > 0),
    finalized_at timestamptz,
    -- When onboarding.finalized was last written to the outbox: a finalize that is stuck says it again.
    finalize_emitted_at timestamptz,
    -- Why the last manifest could not be made; null when it was.
    failure_reason text,
    last_activity_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((unlocked_by is null) = (unlocked_at is null))
);
create index onboarding_finalizing on onboarding.onboarding (finalize_emitted_at) where progress = 'finalizing';
-- Subscriptions that lapse by time alone.
create index onboarding_lapsing on onboarding.onboarding (subscription_period_end)
    where subscription_status in ('past_due', 'canceled') and announced_status <> 'suspended';
create index onboarding_activity on onboarding.onboarding (last_activity_at)
    where progress in ('not_started', 'in_progress', 'reopened');

-- One row per workspace that was ever unlocked, never changed: the first completed payment or trial, and
-- the event that told of it.
create table onboarding.unlock (
    source_id uuid primary key,
    source text not null check (source in ('payment', 'trial')),
    workspace_id uuid not null unique references onboarding.onboarding (workspace_id),
    event_id uuid not null unique,
    unlocked_at timestamptz not null
);

-- The answer to one step, written behind the cache.
create table onboarding.draft (
    workspace_id uuid not null references onboarding.onboarding (workspace_id),
    slug text not null check (slug ~ '^[a-z]+(-[a-z]+)*$'),
    revision_epoch bigint not null check (revision_epoch > 0),
    revision_n bigint not null check (revision_n >= 0),
    -- Null for a step that was skipped unanswered. The bound is a backstop: jsonb's text is longer than the
    -- 32 KiB of canonical bytes that the service allows.
    answer jsonb check (octet_length(answer::text) <= 65536),
    state text not null check (state in ('draft', 'complete', 'skipped', 'invalid')),
    updated_by uuid not null,
    updated_at timestamptz not null,
    completed_at timestamptz,
    primary key (workspace_id, slug)
);

-- What was finalized, as canonical bytes. Append-only.
create table onboarding.business_context (
    workspace_id uuid not null references onboarding.onboarding (workspace_id),
    number int not null check (number > 0),
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    -- Of the answers alone: finalizing the same answers again makes no new context.
    answers_sha256 text not null check (answers_sha256 ~ '^[0-9a-f]{64}$'),
    bytes bytea not null check (octet_length(bytes) <= 196608),
    schema_version text not null,
    finalized_by uuid not null,
    finalized_at timestamptz not null,
    primary key (workspace_id, number)
);

alter table onboarding.onboarding enable row level security, force row level security;
alter table onboarding.unlock enable row level security, force row level security;
alter table onboarding.draft enable row level security, force row level security;
alter table onboarding.business_context enable row level security, force row level security;

create policy service_all on onboarding.onboarding to onboarding_svc, onboarding_svc_owner using (true) with check (true);
create policy service_all on onboarding.unlock to onboarding_svc, onboarding_svc_owner using (true) with check (true);
create policy service_all on onboarding.draft to onboarding_svc, onboarding_svc_owner using (true) with check (true);
create policy service_all on onboarding.business_context to onboarding_svc, onboarding_svc_owner using (true) with check (true);

create policy member_select on onboarding.onboarding for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on onboarding.unlock for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on onboarding.draft for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on onboarding.business_context for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));

grant select, insert, update on onboarding.onboarding, onboarding.draft to onboarding_svc;
grant select, insert on onboarding.unlock, onboarding.business_context to onboarding_svc;
grant select on onboarding.onboarding, onboarding.unlock, onboarding.draft, onboarding.business_context to authenticated;
