#!/usr/bin/env bash
# Supabase's own JavaScript and Python clients, unmodified: our suites of what they may expect, refusals included.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

least=120
output=$(mktemp)
trap 'rm -f "$output"' EXIT

code=0
AUTH_SVC=$(built auth-svc) deploy/test/11-supabase-clients.sh >"$output" 2>&1 || code=$?
cat "$output" >&2
figure=$(grep -E '^[0-9]+ cases: ' "$output" | tail -n 1 || true)
count=${figure%% *}
((${count:-0} >= least)) || code=1
holds_if "$code" "the unmodified clients auth-js, supabase-js and supabase_auth pass our suites, at least $least cases" \
  "${figure:-no case was run}"
