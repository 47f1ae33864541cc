-- Plans, orders, their attempts at the provider, and the webhooks that were received.
-- Amounts are integer paise.

create table payments.plan (
    code text primary key,
    monthly_amount bigint not null check (monthly_amount > 0),
    yearly_amount bigint not null check (yearly_amount > 0),
    -- A limit of null is no limit.
    entitlements jsonb not null
);

insert into payments.plan (code, monthly_amount, yearly_amount, entitlements) values
    ('ascent', 500000, 5000000,
     '{"seats": 1, "campaigns": 3, "moves_per_week": 3, "api_access": false, "audit_export": false}'),
    ('glide', 700000, 7000000,
     '{"seats": 5, "campaigns": null, "moves_per_week": null, "api_access": false, "audit_export": false}'),
    ('soar', 1000000, 10000000,
     '{"seats": null, "campaigns": null, "moves_per_week": null, "api_access": true, "audit_export": true}');

create table payments.orders (
    id uuid primary key,
    workspace_id uuid not null,
    user_id uuid not null,
    plan text not null references payments.plan (code),
    cycle text not null check (cycle in ('monthly', 'yearly')),
    autopay boolean not null default false,
    amount bigint not null check (amount > 0),
    currency text not null default 'INR' check (currency ~ '^[A-Z]{3}$'),
    state text not null check (state in (
        'created', 'pending', 'completed', 'failed', 'expired',
        'refund_pending', 'refunded', 'partially_refunded', 'quarantined')),
    redirect_url text,
    expires_at timestamptz not null,
    -- When the reconciler asks the provider next; null when there is nothing left to ask.
    next_check_at timestamptz,
    check_count int not null default 0,
    last_checked_at timestamptz,
    completed_at timestamptz,
    -- Given up by the payer to allow another order. Still checked: a late success is never lost.
    abandoned_at timestamptz,
    failure_code text,
    provider_reference text,
    -- Where the confirmation goes; null for a payer without an address. Erasable.
    payer_email text,
    traceparent text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index orders_one_open on payments.orders (workspace_id)
    where state in ('created', 'pending') and abandoned_at is null;
create index orders_workspace on payments.orders (workspace_id, created_at desc);
create index orders_plan on payments.orders (plan);
create index orders_next_check on payments.orders (next_check_at) where next_check_at is not null;

-- One call of the provider's pay endpoint. Its id is unique at the provider for ever: '<order id>-<n>'.
create table payments.attempt (
    merchant_order_id text primary key check (merchant_order_id ~ '^[A-Za-z0-9_-]{1,63}$'),
    order_id uuid not null references payments.orders (id),
    n int not null check (n > 0),
    provider_order_id text,
    -- ambiguous: the pay call's answer was lost, and only a status check can tell.
    state text not null check (state in (
        'created', 'ambiguous', 'pending', 'completed', 'failed', 'expired', 'quarantined')),
    redirect_url text,
    expires_at timestamptz,
    provider_transaction_id text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (order_id, n)
);
create unique index attempt_provider_order on payments.attempt (provider_order_id)
    where provider_order_id is not null;

-- A webhook's exact bytes, once. A hint to look: what it says is never applied.
create table payments.webhook_receipt (
    id uuid primary key,
    body_sha256 bytea not null unique check (octet_length(body_sha256) = 32),
    body bytea not null check (octet_length(body) <= 65536),
    event text,
    merchant_order_id text,
    traceparent text,
    tracestate text,
    received_at timestamptz not null default now(),
    seen_count int not null default 1,
    last_seen_at timestamptz not null default now(),
    available_at timestamptz not null default now(),
    attempts int not null default 0,
    lease_until timestamptz,
    lease_token uuid,
    processed_at timestamptz,
    last_error text
);
create index webhook_receipt_due on payments.webhook_receipt (available_at, id) where processed_at is null;
create index webhook_receipt_order on payments.webhook_receipt (merchant_order_id)
    where merchant_order_id is not null;
create index webhook_receipt_received on payments.webhook_receipt (received_at);

alter table payments.plan enable row level security, force row level security;
alter table payments.orders enable row level security, force row level security;
alter table payments.attempt enable row level security, force row level security;
alter table payments.webhook_receipt enable row level security, force row level security;

create policy service_all on payments.plan to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.orders to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.attempt to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.webhook_receipt to payments_svc, payments_svc_owner using (true) with check (true);

-- authenticated reads here only inside payments-svc: this schema is not exposed to direct clients.
create policy everybody_select on payments.plan for select to authenticated using (true);
create policy member_select on payments.orders for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));

grant select on payments.plan to payments_svc, authenticated;
grant select, insert, update on payments.orders, payments.attempt, payments.webhook_receipt to payments_svc;
grant select on payments.orders to authenticated;
