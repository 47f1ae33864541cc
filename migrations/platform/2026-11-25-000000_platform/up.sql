-- The tables every service has. Names are unqualified: the file runs once per service schema,
-- with search_path set to it.

-- Events that are true and still to be sent. A row is written in the transaction that makes it true.
create table outbox (
    id bigint generated always as identity primary key,
    event_id uuid not null unique,
    aggregate_type text not null,
    aggregate_id uuid not null,
    aggregate_seq bigint not null check (aggregate_seq > 0),
    event_type text not null check (event_type ~ '^[a-z_]+(\.[a-z_]+)+\.v[1-9][0-9]*$'),
    subject text not null,
    workspace_id uuid,
    dataschema text not null,
    traceparent text,
    tracestate text,
    payload bytea not null check (octet_length(payload) <= 262144),
    occurred_at timestamptz not null,
    created_at timestamptz not null default now(),
    available_at timestamptz not null default now(),
    attempts int not null default 0,
    lease_until timestamptz,
    lease_token uuid,
    published_at timestamptz,
    parked_at timestamptz,
    last_error text,
    unique (aggregate_type, aggregate_id, aggregate_seq)
) with (autovacuum_vacuum_scale_factor = 0.01);

-- "Has this row an unpublished predecessor?" A parked row still counts: it blocks its own aggregate.
create index outbox_pending on outbox (aggregate_type, aggregate_id, aggregate_seq)
    where published_at is null;
-- The relay's claim, oldest due first, without touching published or parked rows.
create index outbox_due on outbox (available_at, id)
    where published_at is null and parked_at is null;
-- Retention, and republishing since a moment.
create index outbox_published on outbox (published_at) where published_at is not null;

-- The last sequence number given out. Its row lock makes commit order the sequence order.
create table outbox_aggregate (
    aggregate_type text not null,
    aggregate_id uuid not null,
    last_seq bigint not null check (last_seq > 0),
    primary key (aggregate_type, aggregate_id)
);

-- A wake-up and no more: polling is the guarantee.
create function notify_outbox() returns trigger
language plpgsql set search_path = '' as $$
begin
    perform pg_notify('groundwork_outbox_' || tg_table_schema, '');
    return null;
end
$$;

create trigger outbox_notify after insert on outbox
    for each statement execute function notify_outbox();

-- Events that had their effect, written in the transaction of the effect.
create table inbox (
    consumer text not null,
    event_id uuid not null,
    event_type text not null,
    received_at timestamptz not null default now(),
    primary key (consumer, event_id)
);
create index inbox_received_at on inbox (received_at);

-- One unsafe request, and its answer once there is one.
create table idempotency_key (
    scope text not null,
    key text not null check (char_length(key) between 1 and 255),
    fingerprint bytea not null,
    resource text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (scope, key)
);
create index idempotency_key_expires_at on idempotency_key (expires_at);

-- Who did what to which resource. Ids only; append-only for the runtime role.
create table audit_log (
    id uuid primary key,
    workspace_id uuid,
    actor_id uuid,
    action text not null,
    resource text not null,
    outcome text not null,
    request_id text,
    detail jsonb not null default '{}',
    intent_id uuid,
    occurred_at timestamptz not null,
    prev_hash bytea,
    hash bytea
);
create index audit_log_workspace on audit_log (workspace_id, occurred_at desc);
create index audit_log_unsealed on audit_log (workspace_id, id) where hash is null;

-- Mails to send. purpose_key names the reason for a mail, so that one reason sends one mail.
create table mail_outbox (
    id uuid primary key,
    purpose_key text not null unique,
    recipient text not null,
    subject text not null,
    html text not null,
    body_text text not null,
    workspace_id uuid,
    created_at timestamptz not null default now(),
    available_at timestamptz not null default now(),
    attempts int not null default 0,
    lease_until timestamptz,
    lease_token uuid,
    sent_at timestamptz,
    provider_id text,
    failed_at timestamptz,
    last_error text
);
create index mail_outbox_due on mail_outbox (available_at, id)
    where sent_at is null and failed_at is null;
create index mail_outbox_provider_id on mail_outbox (provider_id) where provider_id is not null;
create index mail_outbox_workspace on mail_outbox (workspace_id) where workspace_id is not null;

-- A direct Supabase client can never forge an event, a mail or an audit row: these tables are the
-- service's alone. Deleting old rows is the owner's work.
do $$
declare
    schema_name constant text := current_schema();
    runtime constant text := case schema_name
        when 'identity' then 'auth_svc'
        when 'payments' then 'payments_svc'
        when 'onboarding' then 'onboarding_svc'
        when 'bcm' then 'bcm_svc'
    end;
    platform record;
begin
    if runtime is null then
        raise exception 'platform tables belong in a service schema, not in %',
            coalesce(schema_name, '(none)');
    end if;
    for platform in
        select * from (values
            ('outbox', 'select, insert, update'),
            ('outbox_aggregate', 'select, insert, update'),
            ('inbox', 'select, insert'),
            ('idempotency_key', 'select, insert, update, delete'),
            ('audit_log', 'select, insert'),
            ('mail_outbox', 'select, insert, update')
        ) as platform_tables (table_name, privileges)
    loop
        execute format('revoke all on %I.%I from public, anon, authenticated, service_role',
                       schema_name, platform.table_name);
        execute format('grant %s on %I.%I to %I',
                       platform.privileges, schema_name, platform.table_name, runtime);
        execute format('alter table %I.%I enable row level security, force row level security',
                       schema_name, platform.table_name);
        execute format('create policy service_all on %I.%I to %I, %I using (true) with check (true)',
                       schema_name, platform.table_name, runtime, runtime || '_owner');
    end loop;

    -- A running service compares the applied versions with its own; the other services wait for identity's.
    if to_regclass('__diesel_schema_migrations') is not null then
        execute format('grant select on __diesel_schema_migrations to %I', runtime);
        if schema_name = 'identity' then
            grant select on __diesel_schema_migrations to
                payments_svc, payments_svc_owner, onboarding_svc, onboarding_svc_owner, bcm_svc, bcm_svc_owner;
        end if;
    end if;
end
$$;
