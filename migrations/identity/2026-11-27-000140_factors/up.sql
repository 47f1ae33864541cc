-- Second factors: time-based one-time passwords (RFC 6238).

create table identity.factor (
    id uuid primary key,
    user_id uuid not null,
    friendly_name text not null default '' check (char_length(friendly_name) <= 100),
    status text not null default 'unverified' check (status in ('unverified', 'verified')),
    -- The first byte says what follows: 0 the shared secret as it is, 1 nonce and AES-256-GCM ciphertext of it.
    secret bytea not null,
    -- The time step of the last code that was accepted: a code is good once.
    last_step bigint not null default 0,
    last_challenged_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create unique index factor_name on identity.factor (user_id, friendly_name) where friendly_name <> '';
create index factor_user on identity.factor (user_id);

create table identity.factor_challenge (
    id uuid primary key,
    factor_id uuid not null references identity.factor (id) on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index factor_challenge_factor on identity.factor_challenge (factor_id);

alter table identity.factor enable row level security, force row level security;
alter table identity.factor_challenge enable row level security, force row level security;
create policy service_all on identity.factor to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.factor_challenge to auth_svc, auth_svc_owner using (true) with check (true);
grant select, insert, update, delete on identity.factor, identity.factor_challenge to auth_svc;
