#!/usr/bin/env bash
# The long forms of two tests, on the databases of the started stack: twenty storms of faults against three editors, and a thousand
# finalizes while the service is killed every few hundred milliseconds.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

# long CLAIM TEST
long() {
  local code=0 began=$SECONDS
  cargo nextest run --package onboarding-svc --run-ignored only --no-tests fail --config-file deploy/verify/claims/nextest.toml \
    --profile long -E "test($2)" >&2 || code=$?
  holds_if "$code" "$1" "$((SECONDS - began)) s, exit code $code"
}

long 'twenty storms: each durable answer of three editors is among those before the last' no_durable_answer_is_lost_in_twenty_storms
long '1,000 finalizes while the service is killed again and again: one context and one event each' \
  a_thousand_finalizes_are_made_once_each_while_the_service_dies
