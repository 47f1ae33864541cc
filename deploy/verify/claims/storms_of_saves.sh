#!/usr/bin/env bash
# The long forms of two tests, on the databases of the started stack: ten storms of faults against three editors, and 250 finalizes
# while the service is killed at any moment, every few hundred milliseconds.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# long CLAIM TEST FIGURE: FIGURE is the pattern of the lines in which the test says what it did.
long() {
  local code=0 began=$SECONDS lines figure
  cargo nextest run --package onboarding-svc --run-ignored only --no-tests fail --config-file deploy/verify/claims/nextest.toml \
    --profile long --success-output final -E "test($2)" >"$log" 2>&1 || code=$?
  cat "$log" >&2
  lines=$(grep -oE "$3" "$log" | sort -u || true)
  figure=$(tail -n 1 <<<"$lines")
  [[ -n $figure ]] || code=1
  holds_if "$code" "$1" "$(grep -c . <<<"$lines" || true) × such as \"${figure:-nothing was run}\", $((SECONDS - began)) s"
}

long 'ten storms: each durable answer of three editors is among those before the last' no_durable_answer_is_lost_in_ten_storms \
  'seed [0-9]+: [0-9]+ saved, [0-9]+ conflicts, [0-9]+ failed'
long '250 finalizes while onboarding-svc is killed at any moment: one context and one event of each kind' \
  hundreds_of_finalizes_are_made_once_each_while_the_service_dies '[0-9]+ people, [0-9]+ crashes'
