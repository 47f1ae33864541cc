-- What the gate reads instead of asking the other services: the last state of each by its events.
-- A row takes an event only if the event's sequence is greater than its own.

create table identity.gate_subscription (
    workspace_id uuid primary key,
    subscription_id uuid not null,
    plan text not null,
    status text not null,
    period_end timestamptz not null,
    grace_end timestamptz,
    entitlements jsonb not null,
    sequence bigint not null,
    updated_at timestamptz not null default now()
);

create table identity.gate_order (
    order_id uuid primary key,
    workspace_id uuid not null,
    status text not null,
    plan text not null,
    cycle text not null,
    amount bigint not null check (amount >= 0),
    sequence bigint not null,
    updated_at timestamptz not null default now()
);
create index gate_order_workspace on identity.gate_order (workspace_id, updated_at desc);

create table identity.gate_onboarding (
    workspace_id uuid primary key,
    status text not null,
    steps_done int not null,
    steps_total int not null,
    percent int not null check (percent between 0 and 100),
    next_step text,
    sequence bigint not null,
    updated_at timestamptz not null default now()
);

create table identity.gate_manifest (
    workspace_id uuid primary key,
    version text not null,
    sequence_no int not null,
    checksum text not null,
    generated_at timestamptz not null,
    sequence bigint not null,
    updated_at timestamptz not null default now()
);

alter table identity.gate_subscription enable row level security, force row level security;
alter table identity.gate_order enable row level security, force row level security;
alter table identity.gate_onboarding enable row level security, force row level security;
alter table identity.gate_manifest enable row level security, force row level security;

create policy service_all on identity.gate_subscription to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.gate_order to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.gate_onboarding to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.gate_manifest to auth_svc, auth_svc_owner using (true) with check (true);

create policy member_select on identity.gate_subscription for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on identity.gate_order for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on identity.gate_onboarding for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on identity.gate_manifest for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));

grant select, insert, update on
    identity.gate_subscription, identity.gate_order, identity.gate_onboarding, identity.gate_manifest to auth_svc;
grant select on
    identity.gate_subscription, identity.gate_order, identity.gate_onboarding, identity.gate_manifest to authenticated;
