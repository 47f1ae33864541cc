-- The subscription of a workspace. Its states and their order are the state machine's in the domain.

create table payments.subscription (
    id uuid primary key,
    workspace_id uuid not null unique,
    plan text not null references payments.plan (code),
    cycle text not null check (cycle in ('monthly', 'yearly')),
    status text not null check (status in (
        'trialing', 'active', 'past_due', 'paused', 'canceled', 'expired')),
    period_start timestamptz not null,
    period_end timestamptz not null,
    grace_end timestamptz,
    -- The order that paid the present period; a trial has none.
    order_id uuid references payments.orders (id),
    autopay boolean not null default false,
    cancel_at_period_end boolean not null default false,
    canceled_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (period_start <= period_end),
    check (grace_end >= period_end)
);
create index subscription_plan on payments.subscription (plan);
create index subscription_order on payments.subscription (order_id);
-- Periods and graces that end: the job's claim.
create index subscription_period_end on payments.subscription (period_end) where status <> 'expired';

alter table payments.subscription enable row level security, force row level security;
create policy service_all on payments.subscription to payments_svc, payments_svc_owner using (true) with check (true);
create policy member_select on payments.subscription for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
grant select, insert, update on payments.subscription to payments_svc;
grant select on payments.subscription to authenticated;
