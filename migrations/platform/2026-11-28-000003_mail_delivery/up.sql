-- What became of a mail after the provider took it, as the provider's webhooks tell.
alter table mail_outbox
    add column delivery text
        check (delivery in ('sent', 'delayed', 'delivered', 'failed', 'suppressed', 'bounced', 'complained')),
    add column delivery_at timestamptz;

-- What webhooks told, ids and codes only: an event is known again, and one that comes before the mail is marked as sent waits
-- here for it. `event_id` is the webhook's own (svix-id), `detail` is the kind of a bounce.
create table mail_event (
    event_id text primary key check (char_length(event_id) between 1 and 256),
    provider_id text not null check (char_length(provider_id) between 1 and 256),
    state text not null,
    detail text,
    received_at timestamptz not null default now()
);
create index mail_event_provider_id on mail_event (provider_id);

-- Addresses that get no mail. An address itself is only in the row of the mail, and goes with it; its SHA-256 is enough to
-- know it again.
create table mail_suppression (
    id uuid primary key,
    address_hash bytea not null unique check (octet_length(address_hash) = 32),
    reason text not null check (reason in ('bounced', 'complained')),
    mail_id uuid references mail_outbox (id) on delete set null,
    created_at timestamptz not null default now()
);
create index mail_suppression_mail on mail_suppression (mail_id);

do $platform$
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
    for platform in
        select * from (values
            ('mail_event', 'select, insert'),
            -- An operator takes an address off the list.
            ('mail_suppression', 'select, insert, update, delete')
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
end
$platform$;
