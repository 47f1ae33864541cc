-- Who read which version, by what: a sample. Partitions of a month are made and dropped by keep_access_log.
create table bcm.access_log (
    read_at timestamptz not null,
    workspace_id uuid not null,
    sequence int not null,
    -- manifest, version, checksum, export, prompt …
    kind text not null,
    tier text not null check (tier in ('memory', 'redis', 'postgres')),
    user_id uuid not null,
    -- How many reads this one stands for.
    stands_for int not null check (stands_for > 0)
) partition by range (read_at);
create index access_log_workspace on bcm.access_log (workspace_id, read_at desc);

alter table bcm.access_log enable row level security, force row level security;
create policy service_all on bcm.access_log to bcm_svc, bcm_svc_owner using (true) with check (true);
grant select, insert on bcm.access_log to bcm_svc;

-- Makes the partitions of this month and the next, and drops those whose last row is older than `keep`. Answers how many
-- were dropped. Each has row-level security of its own: whoever asks a partition by its name passes by its parent's.
create function bcm.keep_access_log(at timestamptz, keep interval) returns int
language plpgsql volatile security definer set search_path = '' as $$
declare
    month timestamp;
    name text;
    old record;
    dropped int := 0;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('groundwork-bcm-access-log', 0)) then
        return 0;
    end if;
    for month in
        select generate_series(date_trunc('month', at at time zone 'UTC'), date_trunc('month', at at time zone 'UTC') + interval '1 month', interval '1 month')
    loop
        name := 'access_log_' || to_char(month, 'YYYY_MM');
        if to_regclass('bcm.' || name) is null then
            execute format('create table bcm.%I partition of bcm.access_log for values from (%L) to (%L)',
                           name, month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
            execute format('alter table bcm.%I enable row level security, force row level security', name);
            execute format('create policy service_all on bcm.%I to bcm_svc, bcm_svc_owner using (true) with check (true)', name);
        end if;
    end loop;
    for old in
        select c.oid::regclass::text as name
        from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'bcm.access_log'::regclass
          and c.relname ~ '^access_log_\d{4}_\d{2}$'
          and (to_date(right(c.relname, 7), 'YYYY_MM')::timestamp + interval '1 month') at time zone 'UTC' <= at - keep
    loop
        execute format('drop table %s', old.name);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
revoke execute on function bcm.keep_access_log(timestamptz, interval) from public;
grant execute on function bcm.keep_access_log(timestamptz, interval) to bcm_svc;

create or replace function bcm.erase_own(workspace uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
    delete from bcm.rebuild_job where workspace_id = workspace;
    delete from bcm.manifest_alias where workspace_id = workspace;
    delete from bcm.manifest_head where workspace_id = workspace;
    delete from bcm.business_context_manifests where workspace_id = workspace;
    delete from bcm.source_context where workspace_id = workspace;
    delete from bcm.entitlement where workspace_id = workspace;
    delete from bcm.access_log where workspace_id = workspace;
end
$$;
