-- Mandates to debit payers, and the debits by them. Their states are the domain's.

create table payments.mandate (
    id uuid primary key,
    workspace_id uuid not null,
    user_id uuid not null,
    state text not null check (state in ('pending', 'active', 'paused', 'revoked', 'canceled', 'failed', 'expired')),
    -- Which of the provider's APIs it belongs to: they are never mixed on one mandate.
    api text not null check (api in ('checkout', 'subscriptions')),
    -- What the provider knows it by: the id, and the number of the attempt that was approved. Null until one was.
    merchant_subscription_id text unique,
    max_amount bigint not null check (max_amount > 0),
    -- The provider is to be told to end it.
    cancel_wanted boolean not null default false,
    next_check_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index mandate_workspace on payments.mandate (workspace_id, created_at desc);
create index mandate_next_check on payments.mandate (next_check_at) where next_check_at is not null;

alter table payments.orders
    -- setup: its payment approves the mandate. debit: paid by the mandate; nobody is sent to a page for it.
    add column kind text not null default 'checkout' check (kind in ('checkout', 'setup', 'debit')),
    -- Deferred: an order that meets an open one is not made, and then its mandate is not either.
    add column mandate_id uuid references payments.mandate (id) deferrable initially deferred,
    add constraint orders_mandate check ((kind = 'checkout') = (mandate_id is null));
create index orders_mandate on payments.orders (mandate_id);

alter table payments.subscription add column mandate_id uuid references payments.mandate (id);
create index subscription_mandate on payments.subscription (mandate_id);

create table payments.debit (
    order_id uuid primary key references payments.orders (id),
    mandate_id uuid not null references payments.mandate (id),
    -- The period after which the debited one begins.
    period_end timestamptz not null,
    state text not null check (state in ('created', 'notifying', 'notified', 'redeeming', 'paid', 'failed')),
    failure_code text,
    -- When the money can be taken.
    valid_after timestamptz,
    next_step_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
-- A period is debited once; what failed may be tried anew.
create unique index debit_one_for_a_period on payments.debit (mandate_id, period_end) where state <> 'failed';
create index debit_mandate on payments.debit (mandate_id, period_end);
create index debit_next_step on payments.debit (next_step_at) where next_step_at is not null;

-- Nobody is debited for a workspace that is gone.
create or replace function payments.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    update payments.orders set payer_email = null where workspace_id = workspace and payer_email is not null;
    update payments.subscription set contact_email = null where workspace_id = workspace and contact_email is not null;
    update payments.mandate set cancel_wanted = true, next_check_at = now()
        where workspace_id = workspace and state in ('pending', 'active', 'paused') and not cancel_wanted;
    delete from payments.billing_details where workspace_id = workspace;
end
$$;

alter table payments.mandate enable row level security, force row level security;
alter table payments.debit enable row level security, force row level security;
create policy service_all on payments.mandate to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.debit to payments_svc, payments_svc_owner using (true) with check (true);
grant select, insert, update on payments.mandate, payments.debit to payments_svc;
