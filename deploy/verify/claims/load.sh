#!/usr/bin/env bash
# 100 journeys, 10 at a time: everything once, and nothing more.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

count=100
counts() {
  sql "select (select count(*) from payments.orders where state = 'completed'),
              (select count(*) from onboarding.unlock),
              (select count(*) from bcm.business_context_manifests)" | tr '|' ' '
  curl -fsS "$SANDBOX_URL/control/mails" | jq '[.[] | select(.to[0] | startswith("load-"))] | length'
}

read -r -d '' paid unlocked manifests mails < <(counts) || true
code=0
result=$(journey load --count "$count" --concurrency 10) || code=$?
printf '%s\n' "$result" >&2
holds_if "$code" "$count journeys, 10 at a time, all finish" \
  "$(jq -r '"\(.finished) of \(.journeys) in \(.seconds | floor) s; median \(.ms.median) ms, p95 \(.ms.p95) ms"' <<<"$result")"

code=0
journey check >&2 || code=$?
holds_if "$code" 'the invariants J1–J8 hold after them' 'journey check'

read -r -d '' paid_now unlocked_now manifests_now mails_now < <(counts) || true
difference=("$((paid_now - paid))" "$((unlocked_now - unlocked))" "$((manifests_now - manifests))" "$((mails_now - mails))")
code=0
for number in "${difference[@]}"; do [[ $number == "$count" ]] || code=1; done
holds_if "$code" "$count payments, $count unlocks, $count manifests, $count mails, no more" \
  "$(printf '%s payments, %s unlocks, %s manifests, %s mails' "${difference[@]}")"
