-- What a subscription needs to know to live in time. What comes of it is the domain's `Term`.
-- A service of the version before goes on writing rows without these columns.

alter table payments.subscription
    -- The day of the month, in India, to which periods keep; null: the day of period_start.
    add column anchor_day int check (anchor_day between 1 and 31),
    -- The next period's plan, when it was chosen or paid; its order, when it was paid.
    add column next_plan text references payments.plan (code),
    add column next_cycle text check (next_cycle in ('monthly', 'yearly')),
    add column next_order_id uuid references payments.orders (id),
    -- Reminders of the present period that were sent.
    add column reminded int not null default 0,
    -- When something happens by itself: a reminder, the end of a period, trial or grace; null: at period_end.
    add column due_at timestamptz,
    -- Where reminders go. Erasable.
    add column contact_email text,
    add constraint subscription_next check ((next_plan is null) = (next_cycle is null) and (next_order_id is null or next_plan is not null));

create index subscription_next_plan on payments.subscription (next_plan);
create index subscription_next_order on payments.subscription (next_order_id);
drop index payments.subscription_period_end;
create index subscription_due on payments.subscription (coalesce(due_at, period_end)) where status <> 'expired';

-- Orders, subscriptions, documents and the ledger are kept, as the law asks; addresses and billing details are not.
create or replace function payments.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    update payments.orders set payer_email = null where workspace_id = workspace and payer_email is not null;
    update payments.subscription set contact_email = null where workspace_id = workspace and contact_email is not null;
    delete from payments.billing_details where workspace_id = workspace;
end
$$;
