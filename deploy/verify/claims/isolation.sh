#!/usr/bin/env bash
# What keeps tenants apart in the database, and the gate's table, are tests of `make test`: they must be there still, and the
# stage that runs them must have passed for this commit. Nothing is run again.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

tested 'row security: seven kinds of users get of every statement on every table what is written down' \
  'tests (nextest)' crates/testkit/tests/it/row_security.rs
tested 'a stranger reads no row of a tenant, and what is append-only stays as it is' \
  'tests (nextest)' crates/testkit/tests/it/tenancy.rs
tested 'the catalog keeps its rules: forced row security, indexed foreign keys, no open function, no bypass' \
  'tests (nextest)' crates/testkit/tests/it/catalog.rs
tested "Supabase's own lints find nothing at level warn in any schema" 12-advisors deploy/test/12-advisors.sh
tested "the gate's table is complete, and no value sends to a page that redirects" \
  'tests (nextest)' crates/domain/tests/gate.rs
