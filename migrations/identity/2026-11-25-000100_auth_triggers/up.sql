-- Profiles, workspaces, memberships, and the one function that provisions them.
--
-- User ids are what their provider made and carry no foreign key: with an external provider the user's
-- row may live in another database.

create table identity.profiles (
    user_id uuid primary key,
    email text,
    name text not null default '' check (char_length(name) <= 120),
    onboarding_status text not null default 'pending'
        check (onboarding_status in ('pending', 'payment_confirmed', 'in_progress', 'completed', 'abandoned')),
    created_at timestamptz not null default now()
);
create index profiles_email on identity.profiles (lower(email));

create table identity.workspaces (
    id uuid primary key,
    name text not null check (char_length(name) between 1 and 120),
    slug text not null unique check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and char_length(slug) <= 63),
    owner_id uuid not null,
    -- Made by provisioning. A transfer of ownership clears it.
    personal boolean not null default false,
    created_at timestamptz not null default now(),
    deleted_at timestamptz
);
-- However many calls provision a user at once, one workspace can exist.
create unique index workspaces_personal_owner on identity.workspaces (owner_id)
    where personal and deleted_at is null;
create index workspaces_owner on identity.workspaces (owner_id);

create table identity.memberships (
    workspace_id uuid not null references identity.workspaces (id),
    user_id uuid not null,
    role text not null check (role in ('owner', 'admin', 'member')),
    created_at timestamptz not null default now(),
    primary key (workspace_id, user_id)
);
create index memberships_user on identity.memberships (user_id, workspace_id);

-- Users whose provisioning failed at sign-up; a job calls provision_user for them.
create table identity.user_repair (
    user_id uuid primary key,
    reason text not null,
    attempts int not null default 0,
    created_at timestamptz not null default now(),
    available_at timestamptz not null default now(),
    repaired_at timestamptz
);
create index user_repair_due on identity.user_repair (available_at) where repaired_at is null;

-- RFC 9562 version 7: 48 bits of Unix milliseconds, then random bits. gen_random_uuid() has set the
-- variant; turning its version 4 (0100) into 7 (0111) is two bits.
create function identity.uuid_v7() returns uuid
language sql volatile parallel safe set search_path = '' as $$
    select encode(
        set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid())
                placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                from 1 for 6),
            52, 1), 53, 1),
        'hex')::uuid
$$;

-- The live workspaces of the user in request.jwt.claims. Policies use it as
-- `workspace_id = any(array(select identity.my_workspace_ids()))`, which runs it once per statement.
-- It reads memberships as their owner; a policy that read them itself would recurse.
create function identity.my_workspace_ids() returns setof uuid
language sql stable security definer set search_path = '' as $$
    select m.workspace_id
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
    where m.user_id = (select auth.uid())
$$;

-- The role of a user in a live workspace, or null. A service may ask about anybody. Whoever acts as
-- authenticated learns only of himself and of the workspaces he belongs to.
create function identity.member_role(workspace uuid, "user" uuid) returns text
language sql stable security definer set search_path = '' as $$
    select m.role
    from identity.memberships m
    join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
    where m.workspace_id = workspace
      and m.user_id = "user"
      and (current_setting('role') is distinct from 'authenticated'
           or m.user_id = auth.uid()
           or exists (select from identity.memberships mine
                      where mine.workspace_id = m.workspace_id and mine.user_id = auth.uid()))
$$;

-- Writes one event of a workspace to the outbox, in the caller's transaction.
create function identity.enqueue_workspace_event(fact text, workspace uuid, data jsonb) returns void
language plpgsql volatile set search_path = '' as $$
declare
    seq bigint;
begin
    insert into identity.outbox_aggregate as head (aggregate_type, aggregate_id, last_seq)
    values ('workspace', workspace, 1)
    on conflict (aggregate_type, aggregate_id) do update set last_seq = head.last_seq + 1
    returning last_seq into seq;

    insert into identity.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type,
                                 subject, workspace_id, dataschema, payload, occurred_at)
    values (identity.uuid_v7(), 'workspace', workspace, seq, fact || '.v1',
            workspace::text, workspace, 'urn:groundwork:schema:event:' || fact || ':1',
            convert_to(data::text, 'UTF8'), now());
end
$$;

-- Makes whatever the user lacks of profile, personal workspace and owner membership, and reports the
-- workspace. Serves the sign-up trigger, ensure-profile and the repair job. Safe to call at any time and
-- in parallel: the unique index on personal workspaces decides, and the losers return the winner's.
create function identity.provision_user(
    "user" uuid,
    user_email text default null,
    user_name text default null,
    out workspace_id uuid,
    out created boolean
)
language plpgsql volatile security definer set search_path = '' as $$
declare
    display_name constant text := left(btrim(regexp_replace(coalesce(user_name, ''), '[[:cntrl:]]+', ' ', 'g')), 100);
    workspace_name constant text := case display_name when '' then 'My workspace' else display_name || '''s workspace' end;
    slug_stem constant text := coalesce(nullif(
        btrim(left(btrim(regexp_replace(lower(display_name), '[^a-z0-9]+', '-', 'g'), '-'), 40), '-'), ''), 'workspace');
    new_id uuid;
    new_slug text;
begin
    created := false;

    insert into identity.profiles (user_id, email, name)
    values ("user", lower(user_email), display_name)
    on conflict (user_id) do nothing;

    select w.id into workspace_id
    from identity.workspaces w
    where w.owner_id = "user" and w.personal and w.deleted_at is null;

    if workspace_id is null then
        -- Somebody else's workspace is enough: nobody who belongs somewhere needs another.
        select m.workspace_id into workspace_id
        from identity.memberships m
        join identity.workspaces w on w.id = m.workspace_id and w.deleted_at is null
        where m.user_id = "user"
        order by m.created_at, m.workspace_id
        limit 1;
        if workspace_id is not null then
            return;
        end if;
    end if;

    -- An insert without effect means either that a parallel call won, and its workspace is found, or that
    -- the slug is taken, and another id gives another slug.
    while workspace_id is null loop
        new_id := identity.uuid_v7();
        new_slug := slug_stem || '-' || right(new_id::text, 8);
        insert into identity.workspaces (id, name, slug, owner_id, personal)
        values (new_id, workspace_name, new_slug, "user", true)
        on conflict do nothing;
        created := found;
        select w.id into workspace_id
        from identity.workspaces w
        where w.owner_id = "user" and w.personal and w.deleted_at is null;
    end loop;

    if created then
        perform identity.enqueue_workspace_event('identity.workspace.provisioned', workspace_id,
            jsonb_build_object('workspace_id', workspace_id, 'owner_id', "user",
                               'name', workspace_name, 'slug', new_slug));
    end if;

    insert into identity.memberships as m (workspace_id, user_id, role)
    values (workspace_id, "user", 'owner')
    on conflict on constraint memberships_pkey do nothing;
    if found then
        perform identity.enqueue_workspace_event('identity.member.added', workspace_id,
            jsonb_build_object('workspace_id', workspace_id, 'user_id', "user", 'role', 'owner'));
    end if;
end
$$;

-- A sign-up never fails because of us: what goes wrong is written down and repaired later.
create function identity.on_auth_user_created() returns trigger
language plpgsql volatile security definer set search_path = '' as $$
begin
    perform identity.provision_user(
        new.id, new.email,
        coalesce(new.raw_user_meta_data ->> 'name', new.raw_user_meta_data ->> 'full_name'));
    return new;
exception when others then
    begin
        insert into identity.user_repair (user_id, reason)
        values (new.id, sqlstate || ' ' || sqlerrm)
        on conflict (user_id) do update
            set reason = excluded.reason, repaired_at = null, available_at = now();
    exception when others then
        raise warning 'user % was neither provisioned nor recorded for repair: %', new.id, sqlerrm;
    end;
    return new;
end
$$;

-- Row-level security. The owner role is listed too: FORCE binds it, and the functions above run as it.
alter table identity.profiles enable row level security, force row level security;
alter table identity.workspaces enable row level security, force row level security;
alter table identity.memberships enable row level security, force row level security;
alter table identity.user_repair enable row level security, force row level security;

create policy service_all on identity.profiles to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.workspaces to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.memberships to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.user_repair to auth_svc, auth_svc_owner using (true) with check (true);

create policy own_select on identity.profiles for select to authenticated
    using (user_id = (select auth.uid()));
create policy own_update on identity.profiles for update to authenticated
    using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));

create policy member_select on identity.workspaces for select to authenticated
    using (id = any(array(select identity.my_workspace_ids())));
create policy manager_update on identity.workspaces for update to authenticated
    using (id = any(array(
        select m.workspace_id from identity.memberships m
        where m.user_id = (select auth.uid()) and m.role in ('owner', 'admin'))))
    with check (id = any(array(
        select m.workspace_id from identity.memberships m
        where m.user_id = (select auth.uid()) and m.role in ('owner', 'admin'))));

create policy member_select on identity.memberships for select to authenticated
    using (workspace_id = any(array(select identity.my_workspace_ids())));

grant select, insert, update on identity.profiles, identity.workspaces, identity.user_repair to auth_svc;
grant select, insert, update, delete on identity.memberships to auth_svc;
grant select on identity.profiles, identity.workspaces, identity.memberships to authenticated;
grant update (name) on identity.profiles, identity.workspaces to authenticated;

-- PUBLIC may run a new function unless the role's default says otherwise; this holds without that default too.
revoke execute on all functions in schema identity from public;
grant execute on function identity.uuid_v7() to auth_svc, payments_svc, onboarding_svc, bcm_svc;
grant execute on function identity.my_workspace_ids(), identity.member_role(uuid, uuid)
    to authenticated, auth_svc, payments_svc, onboarding_svc, bcm_svc;
grant execute on function identity.provision_user(uuid, text, text) to auth_svc;

-- On a schema auth that is not ours the privilege may be missing. Sign-up then works without the trigger,
-- ensure-profile provisions at the first request, and bootstrap makes the trigger when it runs again.
do $$
begin
    create or replace trigger on_auth_user_created after insert on auth.users
        for each row execute function identity.on_auth_user_created();
exception when insufficient_privilege then
    raise warning 'no trigger on auth.users (%): run bootstrap again, ensure-profile provisions until then', sqlerrm;
end
$$;
