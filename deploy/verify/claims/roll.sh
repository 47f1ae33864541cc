#!/usr/bin/env bash
# roll.sh [SERVICE...]: each service is rolled, two replicas one after the other, while journeys and a steady load of
# reads and writes run. No request fails, nothing is lost or done twice.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

count=${ROLL_JOURNEYS:-20}
output=$(mktemp -d)
steady=''
finish() {
  [[ -z $steady ]] || kill "$steady" 2>/dev/null || true
  rm -rf "$output"
}
trap finish EXIT
access=$STATE_DIR/logs/gateway-access.log

# Refused is what a service or the gateway could not answer; 499 is a client that gave up.
refused() { tail -c "+$1" "$access" | grep -aE '"status":(499|5[0-9][0-9])\b' || true; }
wait_for_line() { until grep -q "$2" "$1"; do kill -0 "$3" 2>/dev/null || return 1; sleep 0.1; done; }

round() {
  local service=$1 from load code=0 took=$SECONDS sent=0 invariants=hold
  from=$(($(stat -c %s "$access") + 1))
  deploy/verify/claims/steady.py "$email" groundwork-demo-2026 >"$output/steady" &
  steady=$!
  wait_for_line "$output/steady" ready "$steady" || { holds_if 1 "the steady load on $service starts" 'it ended'; return; }
  journey load --count "$count" --concurrency 4 --limit-s 180 >"$output/load" &
  load=$!
  deploy/local/stack roll "$service" >&2 || code=1
  # Requests on the connections of before the roll are part of it.
  sleep 2
  wait "$load" || code=1
  kill "$steady" && wait "$steady" || code=1
  steady=''
  sleep 1.5 # the log is written at least once a second
  cat "$output/load" "$output/steady" >&2
  refused "$from" >&2
  [[ -z $(refused "$from") ]] || code=1
  sent=$(tail -n 1 "$output/steady" | jq '.sent')
  [[ $(tail -n 1 "$output/steady" | jq '.failed + .streams_broken') == 0 && $sent -gt 50 ]] || code=1
  journey check >&2 || { code=1 invariants=broken; }
  holds_if "$code" "$service rolls under load without a failed request, and the invariants hold" \
    "$(tail -n 1 "$output/steady" | jq -r '"\(.sent) requests, \(.failed) failed, \(.streams_ended) event streams closed, \(.streams_broken) broken"'), $(jq -r '"\(.finished) of \(.journeys) journeys"' "$output/load"), $(refused "$from" | wc -l) answers over 499 in the gateway's log, $((SECONDS - took)) s, invariants $invariants"
}

email=roll-$(date +%s%N)@example.test
journey demo --email "$email" >&2
REPLICAS=2 deploy/local/stack up >&2
if (($# == 0)); then set -- auth-svc payments-svc onboarding-svc bcm-svc; fi
for service in "$@"; do round "$service"; done
deploy/local/stack up >&2
