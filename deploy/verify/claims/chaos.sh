#!/usr/bin/env bash
# Every kill point, and every dependency killed in flight, restarted, slow and hanging, once each; `make chaos` does the rest.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

results=$PWD/target/verify/chaos.json
scenarios=(K{1..12} {postgres,rabbitmq,redis,auth-svc,onboarding-svc,bcm-svc}-{down,restart,slow,hang} {phonepe,collector,keys}-{down,slow,hang})
rm -f "$results"
deploy/chaos/run "${scenarios[@]}" >&2 || true
test -s "$results"
rows='.runs[] | [(if .failures == [] then "holds" else "falls short" end), "chaos \(.scenario): journeys finish and J1–J8 hold",
  ([ "\(.finished) of \(.started) journeys",
     (if .read_p95_ms then "reads p95 \(.read_p95_ms) ms, \(.reads_failed) of \(.reads) refused" else empty end),
     (if .consumers_back_s then "consumers back after \(.consumers_back_s * 10 | round / 10) s" else empty end),
     (if .statuses == {} then empty else (.statuses | to_entries | map("\(.value) × \(.key)") | join(", ")) end),
     .failures[] ] | join("; "))] | join("\t")'
jq -r "$rows" "$results"

ran=$(jq '[.runs[].scenario] | unique | length' "$results")
code=0
((ran == ${#scenarios[@]})) || code=1
holds_if "$code" 'every one of these scenarios was run' "$ran of ${#scenarios[@]}"
