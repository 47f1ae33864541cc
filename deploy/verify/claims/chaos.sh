#!/usr/bin/env bash
# Every kill point, and every dependency killed in flight, restarted, slow and hanging, once each; `make chaos` does the rest.
# What `make chaos` found on these sources, with the specification's bars, is read and not run again.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

results=$PWD/target/verify/chaos.json
scenarios=(K{1..12} {postgres,rabbitmq,redis,auth-svc,onboarding-svc,bcm-svc}-{down,restart,slow,hang} {phonepe,collector,keys}-{down,slow,hang})
mkdir -p "$(dirname "$results")"
rm -f "$results"
if [[ -s $VERIFY_CHAOS_RESULT ]]; then cp "$VERIFY_CHAOS_RESULT" "$results"; fi
sources=$(git log -1 --format=%h -- crates services migrations deploy)
missing=()
for scenario in "${scenarios[@]}"; do
  jq -e --arg sources "$sources" --arg scenario "$scenario" \
    '.commit == $sources and .slack == 1 and any(.runs[]; .scenario == $scenario)' "$results" >/dev/null 2>&1 || missing+=("$scenario")
done
printf 'run now: %s\n' "${missing[*]:-nothing}" >&2
if ((${#missing[@]})); then deploy/chaos/run "${missing[@]}" >&2 || true; fi
test -s "$results"
wanted=$(printf '%s\n' "${scenarios[@]}" | jq -Rn '[inputs]')
# shellcheck disable=SC2016 # $name and $wanted are variables of jq
rows='.runs[] | select(.scenario as $name | $wanted | index([$name])) | [(if .failures == [] then "holds" else "falls short" end), "chaos \(.scenario): journeys finish and J1–J8 hold",
  ([ "\(.finished) of \(.started) journeys",
     (if .read_p95_ms then "reads p95 \(.read_p95_ms) ms, \(.reads_failed) of \(.reads) refused" else empty end),
     (if .consumers_back_s then "consumers back after \(.consumers_back_s * 10 | round / 10) s" else empty end),
     (if .statuses == {} then empty else (.statuses | to_entries | map("\(.value) × \(.key)") | join(", ")) end),
     .failures[] ] | join("; "))] | join("\t")'
jq -r --argjson wanted "$wanted" "$rows" "$results"

ran=$(jq --argjson wanted "$wanted" '[.runs[].scenario | select(. as $name | $wanted | index([$name]))] | unique | length' "$results")
code=0
((ran == ${#scenarios[@]})) || code=1
holds_if "$code" 'every one of these scenarios was run' "$ran of ${#scenarios[@]}, ${#missing[@]} of them now"
