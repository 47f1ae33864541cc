//! Who may do what with which table: each kind of user tries every statement on every table, and reaches what is written here.

use std::collections::BTreeSet;

use diesel::{
    QueryableByName,
    sql_types::{Array, Text},
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use testkit::{Database, person};
use uuid::Uuid;

// What these seven get, in this order: anon, a request without claims, a stranger, a removed member, a member, an admin, the owner.
// `-` is "permission denied", a number is how many rows were read or written. There are the workspace of the last four, one of the
// stranger, and one of somebody else, whose rows none of them may reach.
const REFUSED: &str = "- - - - - - -";
const MEMBERS_ROW: &str = "- 0 0 0 1 1 1";
const OWN_ROW: &str = "- 0 1 1 1 1 1";

/// What is not refused to all seven. Every other statement on these tables is.
const ALLOWED: [(&str, &str, &str); 26] = [
    ("identity.profiles", "select", OWN_ROW),
    ("identity.profiles", "update(name)", OWN_ROW),
    ("identity.workspaces", "select", "- 0 1 0 1 1 1"),
    ("identity.workspaces", "update(name)", "- 0 1 0 0 1 1"),
    ("identity.memberships", "select", "- 0 1 0 3 3 3"),
    ("identity.gate_subscription", "select", MEMBERS_ROW),
    ("identity.gate_order", "select", MEMBERS_ROW),
    ("identity.gate_onboarding", "select", MEMBERS_ROW),
    ("identity.gate_manifest", "select", MEMBERS_ROW),
    ("payments.plan", "select", "- 3 3 3 3 3 3"),
    ("payments.orders", "select", MEMBERS_ROW),
    ("payments.subscription", "select", MEMBERS_ROW),
    ("payments.refund", "select", MEMBERS_ROW),
    ("payments.invoice", "select", MEMBERS_ROW),
    ("payments.billing_details", "select", MEMBERS_ROW),
    ("onboarding.onboarding", "select", MEMBERS_ROW),
    ("onboarding.unlock", "select", MEMBERS_ROW),
    ("onboarding.draft", "select", MEMBERS_ROW),
    ("onboarding.draft_revision", "select", MEMBERS_ROW),
    ("onboarding.business_context", "select", MEMBERS_ROW),
    ("bcm.source_context", "select", MEMBERS_ROW),
    ("bcm.business_context_manifests", "select", MEMBERS_ROW),
    ("bcm.manifest_head", "select", MEMBERS_ROW),
    ("bcm.manifest_alias", "select", MEMBERS_ROW),
    ("bcm.rebuild_job", "select", MEMBERS_ROW),
    ("bcm.entitlement", "select", MEMBERS_ROW),
];

/// Tables of the services alone: every statement is refused to all seven.
const CLOSED: [&str; 21] = [
    "identity.user_repair",
    "identity.session",
    "identity.signing_key",
    "identity.one_time_token",
    "identity.sign_in_flow",
    "identity.factor",
    "identity.factor_challenge",
    "identity.invitation",
    "identity.service_key",
    "identity.account_deletion",
    "payments.attempt",
    "payments.webhook_receipt",
    "payments.document_series",
    "payments.invoice_pdf",
    "payments.ledger_entry",
    "payments.mandate",
    "payments.debit",
    "bcm.access_log",
    "onboarding.contact",
    "onboarding.lease",
    "bcm.signing_key",
];

/// Closed too, in each of the four schemas.
const CLOSED_EVERYWHERE: [&str; 10] = [
    "outbox",
    "outbox_aggregate",
    "inbox",
    "idempotency_key",
    "audit_log",
    "mail_outbox",
    "mail_event",
    "mail_suppression",
    "erased_workspace",
    "__diesel_schema_migrations",
];

/// A row of a workspace in each table that has any, made by a user.
const ROWS: &str = r"
insert into identity.gate_subscription (workspace_id, subscription_id, plan, status, period_end, entitlements, sequence)
    values (:workspace, identity.uuid_v7(), 'glide', 'active', now(), '{}', 1);
insert into identity.gate_order (order_id, workspace_id, status, plan, cycle, amount, sequence)
    values (identity.uuid_v7(), :workspace, 'pending', 'glide', 'monthly', 700000, 1);
insert into identity.gate_onboarding (workspace_id, status, steps_done, steps_total, percent, sequence)
    values (:workspace, 'in_progress', 1, 9, 11, 1);
insert into identity.gate_manifest (workspace_id, version, sequence_no, checksum, generated_at, sequence)
    values (:workspace, '1.0.0', 1, repeat('a', 64), now(), 1);
insert into payments.orders (id, workspace_id, user_id, plan, cycle, amount, state, expires_at)
    values (identity.uuid_v7(), :workspace, :user, 'glide', 'monthly', 700000, 'pending', now());
insert into payments.subscription (id, workspace_id, plan, cycle, status, period_start, period_end)
    values (identity.uuid_v7(), :workspace, 'glide', 'monthly', 'active', now(), now());
with paid as (
    insert into payments.attempt (merchant_order_id, order_id, n, state)
    select id || '-1', id, 1, 'completed' from payments.orders where workspace_id = :workspace returning merchant_order_id, order_id)
insert into payments.refund (id, workspace_id, order_id, merchant_order_id, amount, state, requested_in, reason)
    select identity.uuid_v7(), :workspace, order_id, merchant_order_id, 100, 'pending', 'completed', 'a test' from paid;
insert into payments.billing_details (workspace_id, legal_name, address, state, updated_by, updated_at)
    values (:workspace, 'Acme LLP', '{Pune}', '27', :user, now());
insert into payments.invoice (id, workspace_id, kind, financial_year, n, number, order_id, taxable, cgst, sgst, igst, amount, content, issued_at)
    select identity.uuid_v7(), :workspace, 'invoice', 2026, n, n::text, id, 593220, 0, 0, 106780, 700000, '{}', now()
    from payments.orders, (select count(*) + 1 as n from payments.invoice) as next where workspace_id = :workspace;
insert into onboarding.onboarding (workspace_id) values (:workspace);
insert into onboarding.unlock (source_id, source, workspace_id, event_id, unlocked_at)
    values (identity.uuid_v7(), 'trial', :workspace, identity.uuid_v7(), now());
insert into onboarding.draft (workspace_id, slug, revision_epoch, revision_n, state, updated_by, updated_at)
    values (:workspace, 'company', 1, 1, 'draft', :user, now());
insert into onboarding.draft_revision (workspace_id, slug, n, epoch, state, updated_by, updated_at)
    values (:workspace, 'company', 1, 1, 'draft', :user, now());
insert into onboarding.contact (workspace_id, user_id, email, updated_at) values (:workspace, :user, 'a@example.test', now());
insert into onboarding.business_context (workspace_id, number, sha256, answers_sha256, bytes, schema_version, finalized_by, finalized_at)
    values (:workspace, 1, repeat('a', 64), repeat('a', 64), '\x7b7d', '1', :user, now());
insert into bcm.source_context (workspace_id, context_number, sha256, bytes) values (:workspace, 1, repeat('a', 64), '\x7b7d');
insert into bcm.business_context_manifests (workspace_id, sequence, version, checksum, content, record, provenance, context_number,
    context_sha256, reducer_version, policy, reason, created_by, created_at)
    values (:workspace, 1, '1.0.0', repeat('a', 64), '\x7b7d', '{}', '{}', 1, repeat('a', 64), '1', 'default', 'onboarding', :user, now());
insert into bcm.manifest_head (workspace_id, sequence, version, checksum) values (:workspace, 1, '1.0.0', repeat('a', 64));
insert into bcm.manifest_alias (workspace_id, alias, sequence, updated_by, updated_at) values (:workspace, 'campaign', 1, :user, now());
insert into bcm.rebuild_job (id, workspace_id, reason, requested_by) values (identity.uuid_v7(), :workspace, 'edit', :user);
insert into bcm.entitlement (workspace_id, status, period_end, sequence) values (:workspace, 'active', now(), 1);
";

/// Tries a statement and undoes it: whatever a block with an exception did, the role and the claims too, is rolled back.
const OUTCOME: &str = "
create function pg_temp.outcome(role_name text, claims text, statement text) returns text language plpgsql as $$
declare
    reached bigint;
begin
    perform set_config('request.jwt.claims', claims, true), set_config('role', role_name, true);
    execute statement;
    get diagnostics reached = row_count;
    raise exception using errcode = 'GW001', message = reached;
exception
    when sqlstate 'GW001' then return sqlerrm;
    when others then return case when sqlerrm like 'permission denied%' then '-' else '(' || sqlerrm || ')' end;
end
$$";

/// Every statement on whatever has rows, as each of those who ask, and an update of every column alone. It sets the default, which
/// needs no right to read and is legal for a generated column too.
const MATRIX: &str = "
with relation as (
    select oid, oid::regclass::text as name from pg_class
    where relkind in ('r', 'p', 'v', 'm', 'f') and relnamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm')
), statement as (
    select name, 'select' as verb, format('select 1 from %s', name) as text from relation
    union all select name, 'insert', format('insert into %s default values', name) from relation
    union all select name, 'delete', format('delete from %s', name) from relation
    union all
    select name, format('update(%s)', attname),
        format('update %s set %I = %s', name, attname, case attname when 'name' then '''Renamed''' else 'default' end)
    from relation join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped
)
select name, verb, string_agg(pg_temp.outcome(role_name, claims, text), ' ' order by position) as outcomes
from statement cross join unnest($1, $2) with ordinality as actor (role_name, claims, position)
group by name, verb";

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    verb: String,
    #[diesel(sql_type = Text)]
    outcomes: String,
}

/// What should be the outcomes, unless nobody wrote that down.
fn expected(name: &str, verb: &str) -> Option<&'static str> {
    let allowed = ALLOWED.iter().find(|(table, statement, _)| *table == name && *statement == verb);
    let known = ALLOWED.iter().any(|(table, ..)| *table == name)
        || CLOSED.contains(&name)
        || name.split_once('.').is_some_and(|(_, table)| CLOSED_EVERYWHERE.contains(&table));
    allowed.map(|(.., outcomes)| *outcomes).or(known.then_some(REFUSED))
}

/// Where the database and the expectations differ.
async fn differences(database: &Database, actors: &[(&str, String)]) -> BTreeSet<String> {
    let mut admin = database.admin().await;
    admin.batch_execute(OUTCOME).await.unwrap();
    let (roles, claims): (Vec<String>, Vec<String>) = actors.iter().map(|(role, claims)| ((*role).to_owned(), claims.clone())).unzip();
    let matrix = diesel::sql_query(MATRIX).bind::<Array<Text>, _>(roles).bind::<Array<Text>, _>(claims);
    let lines = matrix.load::<Line>(&mut admin).await.unwrap();
    let missing = ALLOWED.iter().filter(|(table, statement, _)| !lines.iter().any(|line| line.name == *table && line.verb == *statement));
    let different = lines.iter().filter_map(|Line { name, verb, outcomes }| match expected(name, verb) {
        None => Some(format!("{name} is not written down")),
        Some(wanted) => (wanted != outcomes).then(|| format!("{name} {verb}: {outcomes} and not {wanted}")),
    });
    missing.map(|(table, statement, _)| format!("{table} {statement} cannot be tried")).chain(different).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_user_reaches_of_every_table_what_is_written_down() {
    let database = Database::create().await;
    let (owner, stranger, somebody) = (person(&database).await, person(&database).await, person(&database).await);
    let (admin, member, removed) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let workspace = owner.workspace;
    plant(
        &database,
        &format!(
            "insert into identity.profiles (user_id) values ('{admin}'), ('{member}'), ('{removed}'); \
             insert into identity.memberships (workspace_id, user_id, role) values \
                 ('{workspace}', '{admin}', 'admin'), ('{workspace}', '{member}', 'member'), ('{workspace}', '{removed}', 'admin'); \
             delete from identity.memberships where user_id = '{removed}'"
        ),
    )
    .await;
    // Who was removed does not even reach what he made.
    for (workspace, user) in [(workspace, removed), (somebody.workspace, somebody.user)] {
        let rows = ROWS.replace(":workspace", &format!("'{workspace}'")).replace(":user", &format!("'{user}'"));
        plant(&database, &rows).await;
    }
    // Whoever exposes a schema to Supabase's API lets anon into it: it is the tables that have to refuse.
    plant(&database, "grant usage on schema identity, payments, onboarding, bcm to anon").await;

    let mut actors = vec![("anon", String::new()), ("authenticated", String::new())];
    actors.extend([stranger.user, removed, member, admin, owner.user].map(|user| ("authenticated", format!(r#"{{"sub":"{user}"}}"#))));
    assert_eq!(differences(&database, &actors).await, BTreeSet::new());

    plant(
        &database,
        "create table bcm.planted (workspace_id uuid); \
         create view onboarding.planted as select 1 as one; \
         create policy planted on payments.orders for select to authenticated using (true); \
         create policy planted on identity.workspaces for update to authenticated using (true); \
         grant update (role) on identity.memberships to authenticated; \
         grant insert, delete on payments.plan to authenticated; \
         grant select on identity.session to anon; \
         revoke select on bcm.entitlement from authenticated",
    )
    .await;
    let refused = ["(new row violates row-level security policy for table \"plan\")"; 6].join(" ");
    let inserted = format!("payments.plan insert: - {refused} and not - - - - - - -");
    let found = [
        "bcm.entitlement select: - - - - - - - and not - 0 0 0 1 1 1",
        "bcm.planted is not written down",
        "identity.memberships update(role): - 0 0 0 0 0 0 and not - - - - - - -",
        "identity.session select: 0 - - - - - - and not - - - - - - -",
        "identity.workspaces update(name): - 3 3 3 3 3 3 and not - 0 1 0 0 1 1",
        "onboarding.planted is not written down",
        "payments.orders select: - 2 2 2 2 2 2 and not - 0 0 0 1 1 1",
        "payments.plan delete: - 0 0 0 0 0 0 and not - - - - - - -",
        &inserted,
    ];
    assert_eq!(differences(&database, &actors).await, BTreeSet::from(found.map(str::to_owned)), "the check can fail");
}

/// Writes as the superuser, past every policy.
async fn plant(database: &Database, sql: &str) {
    database.admin().await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
