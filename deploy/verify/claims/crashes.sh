#!/usr/bin/env bash
# crashes.sh [VICTIM...]: kill -9 of each process in the middle of running journeys: all of them finish, nothing is lost or done twice.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

count=${CRASH_JOURNEYS:-20}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

completed() { sql "select count(*) from identity.gate_manifest"; }
ordered() { sql "select count(*) from payments.orders"; }

# round VICTIM: waits until half of the journeys have an order, kills, starts again.
round() {
  local victim=$1 before_orders before_done load began unfinished code=0 pid restarted_s invariants=hold
  before_orders=$(ordered)
  before_done=$(completed)
  journey load --count "$count" --concurrency "$count" --limit-s 180 >"$output" &
  load=$!
  until (($(ordered) - before_orders >= count / 2)) || ! kill -0 "$load" 2>/dev/null; do sleep 0.05; done
  read -r pid _ <"$STATE_DIR/run/$victim.pid"
  kill -s KILL "$pid"
  began=$SECONDS
  unfinished=$((count - ($(completed) - before_done)))
  sleep 1
  deploy/local/stack up >&2 || code=1
  restarted_s=$((SECONDS - began))
  wait "$load" || code=1
  cat "$output" >&2
  journey check >&2 || { code=1 invariants=broken; }
  # A kill after the last journey ended would prove nothing.
  ((unfinished > 0)) || code=1
  holds_if "$code" "kill -9 of $victim in the middle of $count journeys: all finish and the invariants hold" \
    "$(jq -r '"\(.finished) of \(.journeys) finished, slowest \(.ms.max) ms"' "$output"), $unfinished unfinished at the kill, all up after $restarted_s s, invariants $invariants"
}

if (($# == 0)); then set -- auth-svc payments-svc onboarding-svc bcm-svc rabbitmq redis; fi
for victim in "$@"; do round "$victim"; done
