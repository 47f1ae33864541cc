-- Proofs that a person reads mail at an address, and sign-ins that wait for one. Empty with an external provider.

-- At most one open proof of each purpose for a user: a newer mail makes the older one worthless. Neither the link's token
-- nor the code is stored. A code is short, so that it is bound to the row, lives shorter and bears few wrong tries.
create table identity.one_time_token (
    id uuid primary key,
    user_id uuid not null,
    purpose text not null check (purpose in ('confirmation', 'invite', 'recovery', 'magic_link', 'email_change_current',
                                             'email_change_new', 'reauthentication')),
    -- Where the mail went, in lower case.
    address text not null,
    link_hash bytea not null unique,
    code_hash bytea not null,
    -- The sign-in that waits in the client that asked (PKCE).
    flow_id uuid,
    wrong_codes int not null default 0,
    created_at timestamptz not null,
    code_expires_at timestamptz not null,
    link_expires_at timestamptz not null,
    unique (user_id, purpose)
);
create index one_time_token_address on identity.one_time_token (address);
create index one_time_token_expired on identity.one_time_token (link_expires_at);

-- Proof key for code exchange (RFC 7636): who brings the verifier of the challenge gets the session.
create table identity.sign_in_flow (
    id uuid primary key,
    user_id uuid not null,
    challenge text not null,
    challenge_method text not null check (challenge_method in ('s256', 'plain')),
    -- What the session's `amr` will say.
    proof text not null,
    -- Given to the client once the proof was brought, as a hash here.
    code_hash bytea unique,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index sign_in_flow_user on identity.sign_in_flow (user_id);
create index sign_in_flow_expired on identity.sign_in_flow (expires_at);

alter table identity.one_time_token enable row level security, force row level security;
alter table identity.sign_in_flow enable row level security, force row level security;
create policy service_all on identity.one_time_token to auth_svc, auth_svc_owner using (true) with check (true);
create policy service_all on identity.sign_in_flow to auth_svc, auth_svc_owner using (true) with check (true);
grant select, insert, update, delete on identity.one_time_token, identity.sign_in_flow to auth_svc;
