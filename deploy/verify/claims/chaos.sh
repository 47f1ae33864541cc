#!/usr/bin/env bash
# Every kill point, every cell of the fault table and the broker's further cases, once each.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

results=$PWD/target/verify/chaos.json
rm -f "$results"
deploy/chaos/run >&2 || true
test -s "$results"
rows='.runs[] | [(if .failures == [] then "holds" else "falls short" end), "chaos \(.scenario): journeys finish and J1–J8 hold",
  ([ "\(.finished) of \(.started) journeys",
     (if .read_p95_ms then "reads p95 \(.read_p95_ms) ms, \(.reads_failed) of \(.reads) refused" else empty end),
     (if .consumers_back_s then "consumers back after \(.consumers_back_s * 10 | round / 10) s" else empty end),
     (if .statuses == {} then empty else (.statuses | to_entries | map("\(.value) × \(.key)") | join(", ")) end),
     .failures[] ] | join("; "))] | join("\t")'
jq -r "$rows" "$results"

wanted=$("$CARGO_TARGET_DIR/$([[ $PROFILE == release ]] && echo release || echo debug)/chaos" list | wc -l)
code=0
[[ $(jq '[.runs[].scenario] | unique | length' "$results") == "$wanted" ]] || code=1
holds_if "$code" 'every scenario of chaos list was run' "$(jq '[.runs[].scenario] | unique | length' "$results") of $wanted"
