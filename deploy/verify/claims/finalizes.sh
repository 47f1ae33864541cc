#!/usr/bin/env bash
# finalizes.sh [COUNT]: journeys through the whole system while onboarding-svc, bcm-svc and the broker are killed in turn: each finalize
# becomes exactly one context and one manifest.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

count=${1:-1000} kills=0 code=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT
began=$SECONDS
known=$(sql 'select count(*) from onboarding.business_context')

journey load --count "$count" --concurrency 20 --limit-s 600 >"$output" &
load=$!
victims=(onboarding-svc bcm-svc rabbitmq)
while kill -0 "$load" 2>/dev/null; do
  sleep 5
  victim=${victims[kills % ${#victims[@]}]}
  read -r pid _ <"$STATE_DIR/run/$victim.pid" || continue
  kill -s KILL "$pid" 2>/dev/null || true
  kills=$((kills + 1))
  deploy/local/stack up >&2 || code=1
done
wait "$load" || code=1
cat "$output" >&2
journey check >&2 || code=1

contexts=$(($(sql 'select count(*) from onboarding.business_context') - known))
twice=$(sql 'select count(*) from (select from onboarding.business_context group by workspace_id having count(*) > 1) as twice')
unmatched=$(sql "select count(*) from onboarding.business_context c where 1 <> (
  select count(*) from bcm.business_context_manifests m where m.workspace_id = c.workspace_id and m.context_number = c.number)")
[[ $contexts == "$count" && $unmatched == 0 ]] || code=1
((kills > 5)) || code=1
holds_if "$code" "$count finalizes while onboarding-svc, bcm-svc and the broker are killed in turn: one context and one manifest each" \
  "$(jq -r '"\(.finished) of \(.journeys) finished"' "$output"), $kills kills in $((SECONDS - began)) s, $contexts contexts, $twice workspaces with two, $unmatched without one manifest"
