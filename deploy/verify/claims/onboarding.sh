#!/usr/bin/env bash
# What of onboarding is proved by tests of `make test`: they must be there still, and the stage that runs them must have passed for this
# commit. Nothing is run again.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

nextest='tests (nextest)' it=services/onboarding-svc/tests/it
tested 'the page, the TypeScript and the JSON Schemas of the steps are those of the definition' "$nextest" crates/domain/tests/steps.rs
tested 'twenty written companies and forty by chance go through all steps; each is refused without any required field, and only then' \
  "$nextest" $it/companies.rs
tested 'no durable answer is lost while Redis is emptied, cut off, slowed or hangs and the service is killed' "$nextest" $it/interleaving.rs
tested 'the unlock and the subscription events in every order and doubled end in the same state' "$nextest" $it/orders.rs
tested 'finalizing while the service dies at any moment makes one context and one event' "$nextest" $it/saga.rs
tested 'bad input in every field is refused with a pointer' "$nextest" $it/bad_input.rs
tested 'drafts: revisions, 412 with both answers, limits' "$nextest" $it/drafts.rs
tested 'drafts: Redis lost, down and back' "$nextest" $it/tiers.rs
tested 'the last twenty revisions of a step are taken back' "$nextest" $it/undo.rs
tested 'reminders, archiving, repairs, and the commands for operators' "$nextest" $it/cleanup.rs
tested 'contexts are listed, downloaded and compared; an event stream tells what became of one' "$nextest" $it/contexts.rs
tested 'imports, exports, and suggestions from pages' "$nextest" $it/transfer.rs
tested 'a form of another version is told the version in force' "$nextest" $it/versions.rs
tested 'finalize: every missing field with its link, unchanged answers are no new context, a failure has its reason, a stuck one is told again' \
  "$nextest" $it/finalize.rs
tested 'no operation without a token, in another workspace, or while locked' "$nextest" $it/access.rs
tested 'a deleted workspace leaves no answer in PostgreSQL and Redis' "$nextest" $it/erasure.rs
tested 'row security: members read their rows, and write none past the service' "$nextest" crates/testkit/tests/it/row_security.rs
tested 'metrics are named and drawn, alerts fire in their unit tests' observability deploy/observe/check.py
