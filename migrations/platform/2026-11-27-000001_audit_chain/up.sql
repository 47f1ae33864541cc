-- The audit log of each workspace is a chain: an entry's hash covers the entry and the hash of the one before it. A job seals
-- entries after their transactions, so that nothing waits for the chain; what is not sealed yet has no number.
alter table audit_log
    add column seal_no bigint,
    -- Entries of no workspace are a chain too.
    add column chain uuid generated always as (coalesce(workspace_id, '00000000-0000-0000-0000-000000000000')) stored;
create unique index audit_log_chain on audit_log (chain, seal_no) where seal_no is not null;

do $platform$
declare
    schema_name constant text := current_schema();
    runtime constant text := case schema_name
        when 'identity' then 'auth_svc'
        when 'payments' then 'payments_svc'
        when 'onboarding' then 'onboarding_svc'
        when 'bcm' then 'bcm_svc'
    end;
begin
    execute format($definition$
        create function %1$I.audit_digest(entry %1$I.audit_log, previous bytea) returns bytea
        language sql stable set search_path = '' as $$
            select sha256(coalesce(previous, ''::bytea) || convert_to(jsonb_build_array(
                entry.id, entry.workspace_id, entry.actor_id, entry.action, entry.resource, entry.outcome, entry.request_id,
                entry.detail, entry.intent_id, extract(epoch from entry.occurred_at), entry.seal_no)::text, 'UTF8'))
        $$
    $definition$, schema_name);

    -- The runtime role may add entries and not change them; this is the one change there is.
    execute format($definition$
        create function %1$I.audit_seal(most int) returns int
        language plpgsql volatile security definer set search_path = '' as $$
        declare
            entry %1$I.audit_log;
            head record;
            sealed int := 0;
        begin
            -- One at a time: another process that seals now does this work.
            if not pg_try_advisory_xact_lock(hashtextextended(%1$L || '.audit_seal', 0)) then
                return 0;
            end if;
            for entry in select * from %1$I.audit_log where hash is null order by id limit most loop
                select a.seal_no, a.hash into head from %1$I.audit_log a
                    where a.chain = entry.chain and a.seal_no is not null order by a.seal_no desc limit 1;
                entry.seal_no := coalesce(head.seal_no, 0) + 1;
                update %1$I.audit_log a
                    set seal_no = entry.seal_no, prev_hash = head.hash, hash = %1$I.audit_digest(entry, head.hash)
                    where a.id = entry.id;
                sealed := sealed + 1;
            end loop;
            return sealed;
        end
        $$
    $definition$, schema_name);

    -- Sealed entries that are not what was sealed. Nothing is returned of a whole log.
    execute format($definition$
        create function %1$I.audit_faults() returns table (chain uuid, seal_no bigint, id uuid, fault text)
        language sql stable set search_path = '' as $$
            with link as (
                select a.chain, a.seal_no, a.id, a.prev_hash, a.hash, %1$I.audit_digest(a, a.prev_hash) as digest,
                       lag(a.hash) over chain as previous, coalesce(lag(a.seal_no) over chain, 0) as before
                from %1$I.audit_log a where a.seal_no is not null
                window chain as (partition by a.chain order by a.seal_no)
            )
            select chain, seal_no, id, case
                when seal_no <> before + 1 then 'entries before it are missing'
                when hash is distinct from digest then 'it was changed'
                else 'it does not follow the entry before it'
            end
            from link
            where seal_no <> before + 1 or hash is distinct from digest or prev_hash is distinct from previous
            order by chain, seal_no
        $$
    $definition$, schema_name);

    execute format('revoke execute on function %1$I.audit_digest(%1$I.audit_log, bytea), %1$I.audit_seal(int), '
                   '%1$I.audit_faults() from public', schema_name);
    execute format('grant execute on function %1$I.audit_digest(%1$I.audit_log, bytea), %1$I.audit_seal(int), '
                   '%1$I.audit_faults() to %2$I', schema_name, runtime);
end
$platform$;
