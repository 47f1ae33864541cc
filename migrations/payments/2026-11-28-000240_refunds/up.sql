-- Money that is given back. The provider knows a refund by its id, which is never used again.

create table payments.refund (
    id uuid primary key,
    workspace_id uuid not null,
    order_id uuid not null references payments.orders (id),
    -- The attempt whose payment is given back: an order that was paid twice has two.
    merchant_order_id text not null references payments.attempt (merchant_order_id),
    amount bigint not null check (amount > 0),
    -- ambiguous: the provider's answer was lost, and only its status can tell.
    state text not null check (state in ('created', 'ambiguous', 'pending', 'confirmed', 'completed', 'failed')),
    -- The order's state before, to which it returns when the refund fails.
    requested_in text not null check (requested_in in (
        'completed', 'refund_pending', 'refunded', 'partially_refunded', 'quarantined')),
    reason text not null check (char_length(reason) between 1 and 500),
    provider_refund_id text,
    failure_code text,
    next_check_at timestamptz,
    check_count int not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index refund_one_open on payments.refund (order_id)
    where state in ('created', 'ambiguous', 'pending', 'confirmed');
create index refund_order on payments.refund (order_id, created_at);
create index refund_attempt on payments.refund (merchant_order_id);
create index refund_workspace on payments.refund (workspace_id, created_at desc);
create index refund_next_check on payments.refund (next_check_at) where next_check_at is not null;

alter table payments.refund enable row level security, force row level security;
create policy service_all on payments.refund to payments_svc, payments_svc_owner using (true) with check (true);
create policy member_select on payments.refund for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
grant select, insert, update on payments.refund to payments_svc;
grant select on payments.refund to authenticated;
