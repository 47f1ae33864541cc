-- What members do with versions once they exist: pin one, name some, go back; and what is kept of them.

-- Rises with every move of the head and of the pin, so that a pointer kept elsewhere only ever goes forward although a pin
-- leads back. The running version moves heads too and does not know the column, so the table counts itself.
alter table bcm.manifest_head add column generation bigint not null default 1;

create function bcm.count_head_move() returns trigger
language plpgsql set search_path = '' as $$
begin
    if (new.sequence, new.pinned_sequence) is distinct from (old.sequence, old.pinned_sequence) then
        new.generation := old.generation + 1;
    end if;
    return new;
end
$$;
revoke execute on function bcm.count_head_move() from public;
create trigger count_head_move before update on bcm.manifest_head
    for each row execute function bcm.count_head_move();

-- Names that consumers read by. `latest` and `live` are the head's and are not stored.
create table bcm.manifest_alias (
    workspace_id uuid not null,
    alias text not null check (alias ~ '^[a-z][a-z0-9-]{0,39}$' and alias not in ('latest', 'live')),
    sequence int not null,
    -- Rises with every change: what If-Match compares.
    revision int not null default 1,
    updated_by uuid not null,
    updated_at timestamptz not null,
    primary key (workspace_id, alias),
    foreign key (workspace_id, sequence) references bcm.business_context_manifests (workspace_id, sequence)
);
create index manifest_alias_sequence on bcm.manifest_alias (workspace_id, sequence);

alter table bcm.manifest_alias enable row level security, force row level security;
create policy service_all on bcm.manifest_alias to bcm_svc, bcm_svc_owner using (true) with check (true);
create policy member_select on bcm.manifest_alias for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));
grant select, insert, update, delete on bcm.manifest_alias to bcm_svc;
grant select on bcm.manifest_alias to authenticated;

-- Which version was the current one at a moment, and which one has a content.
create index business_context_manifests_created on bcm.business_context_manifests (workspace_id, created_at desc, sequence desc);
create index business_context_manifests_checksum on bcm.business_context_manifests (workspace_id, checksum, sequence desc);

-- Removes at most `most` versions older than `before`: never one of the last `keep`, a pinned or a named one, nor the current
-- one. Contexts that no version is made of any more go with them, but for the newest. Answers how many versions went; what
-- somebody pins or names meanwhile stays by its foreign key, and the rest is left to the next call.
create function bcm.drop_old_versions(keep int, before timestamptz, most int) returns bigint
language plpgsql volatile security definer set search_path = '' as $$
declare
    dropped bigint;
begin
    if keep < 1 then
        raise exception 'at least the current version is kept';
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('groundwork-bcm-retention', 0)) then
        return 0;
    end if;
    with old as (
        select m.workspace_id, m.sequence
        from bcm.manifest_head h
        join bcm.business_context_manifests m on m.workspace_id = h.workspace_id and m.sequence <= h.sequence - keep
        where m.created_at < before
          and m.sequence is distinct from h.pinned_sequence
          and not exists (
              select from bcm.manifest_alias a where a.workspace_id = m.workspace_id and a.sequence = m.sequence
          )
        order by m.workspace_id, m.sequence
        limit most
        for update of m skip locked
    )
    delete from bcm.business_context_manifests m using old
    where m.workspace_id = old.workspace_id and m.sequence = old.sequence;
    get diagnostics dropped = row_count;
    delete from bcm.source_context s
    where s.received_at < before
      and not exists (
          select from bcm.business_context_manifests m
          where m.workspace_id = s.workspace_id and m.context_number = s.context_number
      )
      and exists (
          select from bcm.source_context newer
          where newer.workspace_id = s.workspace_id and newer.context_number > s.context_number
      );
    delete from bcm.rebuild_job where finished_at < now() - interval '90 days';
    return dropped;
end
$$;
revoke execute on function bcm.drop_old_versions(int, timestamptz, int) from public;
grant execute on function bcm.drop_old_versions(int, timestamptz, int) to bcm_svc;
