-- Secret keys of servers that manage accounts (Supabase's service role). A key is 256 random bits and is stored as a hash only.

create table identity.service_key (
    id uuid primary key,
    name text not null check (char_length(name) between 1 and 100),
    -- SHA-256 of the key.
    key_hash bytea not null unique,
    created_at timestamptz not null,
    -- To the minute.
    last_used_at timestamptz,
    revoked_at timestamptz
);

alter table identity.service_key enable row level security, force row level security;
create policy service_all on identity.service_key to auth_svc, auth_svc_owner using (true) with check (true);
grant select, insert, update on identity.service_key to auth_svc;
