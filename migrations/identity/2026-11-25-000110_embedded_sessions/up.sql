-- What the embedded provider keeps besides auth.users. Empty with an external one.

-- Refresh tokens are not stored: a token is the session's id and a counter under the session's own key, so
-- that the row tells the present token, its parent and an older, reused one apart.
create table identity.session (
    id uuid primary key,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    refreshed_at timestamptz,
    not_after timestamptz,
    aal text not null default 'aal1' check (aal in ('aal1', 'aal2')),
    amr jsonb not null default '[]',
    user_agent text,
    ip inet,
    refresh_token_hmac_key bytea not null check (octet_length(refresh_token_hmac_key) >= 32),
    refresh_token_counter bigint not null default 0 check (refresh_token_counter >= 0)
);
create index session_user_id on identity.session (user_id);
create index session_not_after on identity.session (not_after) where not_after is not null;

-- Keys that sign access tokens. A retired key signs no more but verifies until its last token has expired.
-- The first byte of private_key says what follows: 0 PKCS#8 as it is, 1 nonce and AES-256-GCM ciphertext of it.
create table identity.signing_key (
    kid text primary key,
    algorithm text not null check (algorithm in ('ES256', 'RS256')),
    private_key bytea not null,
    public_jwk jsonb not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz
);
-- Two replicas that start on an empty table cannot both make the first key.
create unique index signing_key_active on identity.signing_key (algorithm) where retired_at is null;

alter table identity.session enable row level security, force row level security;
alter table identity.signing_key enable row level security, force row level security;
create policy service_all on identity.session to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.signing_key to auth_svc, auth_svc_owner using (true) with check (true);
grant select, insert, update, delete on identity.session to auth_svc;
grant select, insert, update on identity.signing_key to auth_svc;
