-- Tax documents and the ledger. Amounts are integer paise.

-- Who a workspace's documents are made out to. Erasable: what was issued keeps what was printed.
create table payments.billing_details (
    workspace_id uuid primary key,
    legal_name text not null check (char_length(legal_name) between 1 and 120),
    gstin text check (gstin ~ '^[0-9A-Z]{15}$'),
    address text[] not null check (cardinality(address) between 1 and 4),
    state text not null check (state ~ '^[0-9]{2}$'),
    updated_by uuid not null,
    updated_at timestamptz not null
);

-- The last number of each series in each financial year. The lock on its row is what leaves no gap: a transaction that fails gives
-- its number back.
create table payments.document_series (
    kind text not null check (kind in ('invoice', 'credit_note')),
    financial_year int not null,
    last bigint not null check (last > 0),
    primary key (kind, financial_year)
);

-- Never changed once issued.
create table payments.invoice (
    id uuid primary key,
    workspace_id uuid not null,
    kind text not null check (kind in ('invoice', 'credit_note')),
    financial_year int not null,
    n bigint not null check (n > 0),
    number text not null unique,
    order_id uuid not null references payments.orders (id),
    -- A credit note's refund, and the invoice that it corrects.
    refund_id uuid references payments.refund (id),
    corrects uuid references payments.invoice (id),
    taxable bigint not null check (taxable >= 0),
    cgst bigint not null check (cgst >= 0),
    sgst bigint not null check (sgst = cgst),
    igst bigint not null check (igst >= 0 and (igst = 0 or cgst = 0)),
    amount bigint not null check (amount > 0 and amount = taxable + cgst + sgst + igst),
    -- What is printed.
    content jsonb not null,
    issued_at timestamptz not null,
    unique (kind, financial_year, n),
    check ((kind = 'credit_note') = (refund_id is not null)),
    check ((kind = 'credit_note') = (corrects is not null))
);
create unique index invoice_of_order on payments.invoice (order_id) where kind = 'invoice';
create unique index invoice_of_refund on payments.invoice (refund_id);
create index invoice_order on payments.invoice (order_id);
create index invoice_corrects on payments.invoice (corrects);
create index invoice_workspace on payments.invoice (workspace_id, issued_at desc);

-- The file that a payer got. Built at the first download; built again only by an operator.
create table payments.invoice_pdf (
    invoice_id uuid primary key references payments.invoice (id),
    pdf bytea not null,
    built_at timestamptz not null
);

-- Double entry: the entries of a posting add up to zero. A debit is positive.
create table payments.ledger_entry (
    id uuid primary key,
    posting_id uuid not null,
    cause text not null check (cause in ('payment', 'excess', 'refund', 'excess_refund')),
    -- phonepe: what the provider holds for us; owed_to_payers: what was paid beyond what is owed.
    account text not null check (account in ('phonepe', 'sales', 'cgst', 'sgst', 'igst', 'owed_to_payers')),
    amount bigint not null check (amount <> 0),
    workspace_id uuid not null,
    order_id uuid not null references payments.orders (id),
    merchant_order_id text not null references payments.attempt (merchant_order_id),
    refund_id uuid references payments.refund (id),
    occurred_at timestamptz not null,
    unique (posting_id, account)
);
create index ledger_entry_occurred on payments.ledger_entry (occurred_at);
create index ledger_entry_order on payments.ledger_entry (order_id);
create index ledger_entry_attempt on payments.ledger_entry (merchant_order_id);
create index ledger_entry_refund on payments.ledger_entry (refund_id);
create index ledger_entry_workspace on payments.ledger_entry (workspace_id, occurred_at);
-- A payment is posted once, and so is a refund.
create unique index ledger_entry_paid_once on payments.ledger_entry (merchant_order_id)
    where account = 'phonepe' and refund_id is null;
create unique index ledger_entry_refunded_once on payments.ledger_entry (refund_id)
    where account = 'phonepe' and refund_id is not null;

-- A posting is one statement.
create function payments.check_postings() returns trigger
language plpgsql set search_path = '' as $$
begin
    if exists (select from posted group by posting_id having sum(amount) <> 0) then
        raise exception 'the entries of a posting do not add up to zero' using errcode = 'check_violation';
    end if;
    return null;
end
$$;
revoke execute on function payments.check_postings() from public;
create trigger ledger_entry_balances after insert on payments.ledger_entry
    referencing new table as posted for each statement execute function payments.check_postings();

alter table payments.billing_details enable row level security, force row level security;
alter table payments.document_series enable row level security, force row level security;
alter table payments.invoice enable row level security, force row level security;
alter table payments.invoice_pdf enable row level security, force row level security;
alter table payments.ledger_entry enable row level security, force row level security;

create policy service_all on payments.billing_details to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.document_series to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.invoice to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.invoice_pdf to payments_svc, payments_svc_owner using (true) with check (true);
create policy service_all on payments.ledger_entry to payments_svc, payments_svc_owner using (true) with check (true);
create policy member_select on payments.billing_details for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
create policy member_select on payments.invoice for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));

grant select, insert, update on payments.billing_details, payments.document_series, payments.invoice_pdf to payments_svc;
grant select, insert on payments.invoice, payments.ledger_entry to payments_svc;
grant select on payments.billing_details, payments.invoice to authenticated;

-- Orders, subscriptions, documents and the ledger are kept, as the law asks; the payer's address and details are not.
create or replace function payments.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    update payments.orders set payer_email = null where workspace_id = workspace and payer_email is not null;
    delete from payments.billing_details where workspace_id = workspace;
end
$$;
