-- Prepares a database for the four services. Run by an administrator, safe to run again.
--
-- On plain PostgreSQL it makes what Supabase would bring: the three API roles and schema auth.
-- On a Supabase database it finds them, and makes only the service roles, schemas and grants.
-- Passwords are set by the command that runs this file.

-- API roles. Roles are cluster-wide, so each may be there already although the schema is not.
do $$
begin
    if to_regrole('anon') is null then
        create role anon nologin noinherit;
    end if;
    if to_regrole('authenticated') is null then
        create role authenticated nologin noinherit;
    end if;
    if to_regrole('service_role') is null then
        create role service_role nologin noinherit bypassrls;
    end if;
end
$$;

-- Two roles and a schema per service: the owner migrates and purges, the runtime role serves.
-- The runtime role does not inherit from authenticated: it becomes a user only by SET LOCAL ROLE.
do $$
declare
    service record;
begin
    for service in
        select schema_name, runtime, runtime || '_owner' as owner
        from (values
            ('identity', 'auth_svc'),
            ('payments', 'payments_svc'),
            ('onboarding', 'onboarding_svc'),
            ('bcm', 'bcm_svc')
        ) as services (schema_name, runtime)
    loop
        if to_regrole(service.owner) is null then
            execute format('create role %I login', service.owner);
        end if;
        if to_regrole(service.runtime) is null then
            execute format('create role %I login noinherit', service.runtime);
        end if;
        execute format('grant authenticated to %I', service.runtime);

        -- An administrator without superuser can hand a schema only to a role it belongs to.
        if not pg_has_role(current_user, service.owner, 'member') then
            execute format('grant %I to current_user', service.owner);
        end if;

        execute format('create schema if not exists %I authorization %I',
                       service.schema_name, service.owner);
        execute format('grant usage on schema %I to %I, authenticated',
                       service.schema_name, service.runtime);
        -- PostgreSQL lets PUBLIC run a new function: here each one is granted by name.
        execute format('alter default privileges for role %I revoke execute on functions from public',
                       service.owner);
    end loop;
end
$$;

-- The contract functions of schema identity are called by every service and named in every policy.
grant usage on schema identity to
    payments_svc, payments_svc_owner, onboarding_svc, onboarding_svc_owner, bcm_svc, bcm_svc_owner;

-- The shim: schema auth with GoTrue's own names, so that data can move to Supabase by dump and restore.
-- auth_svc_owner as the owner of auth.users is the mark that the shim made it.
do $shim$
begin
    if to_regclass('auth.users') is not null then
        return;
    end if;

    create schema if not exists auth authorization auth_svc_owner;

    create table auth.users (
        id uuid primary key,
        instance_id uuid default '00000000-0000-0000-0000-000000000000',
        aud varchar(255) default 'authenticated',
        role varchar(255) default 'authenticated',
        email varchar(255),
        encrypted_password varchar(255),
        email_confirmed_at timestamptz,
        invited_at timestamptz,
        confirmation_token varchar(255) not null default '',
        confirmation_sent_at timestamptz,
        recovery_token varchar(255) not null default '',
        recovery_sent_at timestamptz,
        email_change_token_new varchar(255) not null default '',
        email_change varchar(255) not null default '',
        email_change_sent_at timestamptz,
        last_sign_in_at timestamptz,
        raw_app_meta_data jsonb not null default '{}',
        raw_user_meta_data jsonb not null default '{}',
        is_super_admin boolean,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        phone text unique,
        phone_confirmed_at timestamptz,
        phone_change text not null default '',
        phone_change_token varchar(255) not null default '',
        phone_change_sent_at timestamptz,
        confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
        email_change_token_current varchar(255) not null default '',
        email_change_confirm_status smallint not null default 0
            check (email_change_confirm_status between 0 and 2),
        banned_until timestamptz,
        reauthentication_token varchar(255) not null default '',
        reauthentication_sent_at timestamptz,
        is_sso_user boolean not null default false,
        deleted_at timestamptz,
        is_anonymous boolean not null default false,
        constraint users_email_lower check (email = lower(email))
    );
    -- GoTrue's rule: an address is unique among users that did not come from single sign-on.
    create unique index users_email_partial_key on auth.users (email) where is_sso_user = false;
    create index users_instance_id_email_idx on auth.users (instance_id, lower(email));
    create unique index confirmation_token_idx on auth.users (confirmation_token)
        where confirmation_token <> '';
    create unique index recovery_token_idx on auth.users (recovery_token)
        where recovery_token <> '';
    create unique index email_change_token_new_idx on auth.users (email_change_token_new)
        where email_change_token_new <> '';
    create unique index email_change_token_current_idx on auth.users (email_change_token_current)
        where email_change_token_current <> '';
    create unique index reauthentication_token_idx on auth.users (reauthentication_token)
        where reauthentication_token <> '';
    alter table auth.users owner to auth_svc_owner;

    alter table auth.users enable row level security;
    create policy service_all on auth.users to auth_svc using (true) with check (true);
    grant usage on schema auth to auth_svc;
    grant select, insert, update, delete on auth.users to auth_svc;
end
$shim$;

-- Supabase's definitions: both the old one-setting-per-claim form and the claims object are read.
do $shim$
begin
    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid language sql stable as $$
            select coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
            )::uuid
        $$;
        alter function auth.uid() owner to auth_svc_owner;
        grant execute on function auth.uid() to public;
    end if;
    if to_regprocedure('auth.role()') is null then
        create function auth.role() returns text language sql stable as $$
            select coalesce(
                nullif(current_setting('request.jwt.claim.role', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
            )
        $$;
        alter function auth.role() owner to auth_svc_owner;
        grant execute on function auth.role() to public;
    end if;
    if to_regprocedure('auth.jwt()') is null then
        create function auth.jwt() returns jsonb language sql stable as $$
            select coalesce(
                nullif(current_setting('request.jwt.claim', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')
            )::jsonb
        $$;
        alter function auth.jwt() owner to auth_svc_owner;
        grant execute on function auth.jwt() to public;
    end if;
end
$shim$;

-- Policies run auth.uid() as the user; the identity functions run it as auth_svc_owner.
grant usage on schema auth to anon, authenticated, service_role, auth_svc_owner;

-- On a schema auth that is not ours: what the sign-up trigger and the backfill of earlier users need.
do $$
begin
    if (select relowner from pg_class where oid = 'auth.users'::regclass)
       <> 'auth_svc_owner'::regrole then
        grant trigger on auth.users to auth_svc_owner;
        grant select (id, email, email_confirmed_at, raw_user_meta_data, created_at, deleted_at)
            on auth.users to auth_svc_owner;
    end if;
end
$$;

-- An administrator without superuser (as on hosted Supabase) may hold these privileges without the right to
-- pass them on. Then auth_svc_owner reaches auth.uid() as a member of anon, which owns nothing of ours and has
-- no policy, and the trigger is made here, by running this file again after the migrations.
do $$
begin
    if not has_schema_privilege('auth_svc_owner', 'auth', 'usage') then
        grant anon to auth_svc_owner;
    end if;
    if to_regprocedure('identity.on_auth_user_created()') is not null and not exists (
        select from pg_trigger where tgrelid = 'auth.users'::regclass and tgname = 'on_auth_user_created'
    ) then
        create trigger on_auth_user_created after insert on auth.users
            for each row execute function identity.on_auth_user_created();
    end if;
end
$$;
