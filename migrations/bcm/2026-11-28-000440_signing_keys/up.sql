-- Keys that sign exports. Public halves are published for ever, so that a file that was signed once can always be verified; a
-- private half goes when its key is retired.
create table bcm.signing_key (
    -- The RFC 7638 thumbprint.
    kid text primary key,
    -- PKCS #8; the first byte says whether it is encrypted.
    private_key bytea,
    public_jwk jsonb not null,
    created_at timestamptz not null,
    retired_at timestamptz,
    check ((retired_at is null) = (private_key is not null))
);
create unique index signing_key_one_signs on bcm.signing_key ((true)) where retired_at is null;

alter table bcm.signing_key enable row level security, force row level security;
create policy service_all on bcm.signing_key to bcm_svc, bcm_svc_owner using (true) with check (true);
grant select, insert, update on bcm.signing_key to bcm_svc;
