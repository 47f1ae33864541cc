#!/usr/bin/env bash
# No answer of the whole run was a 500, by the gateway's log and by the services' own.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

# -a: bad input leaves bytes in the log that are no text.
sleep 1.5 # the gateway writes its log at least once a second
logs=$STATE_DIR/logs
answers=$(wc -l <"$logs/gateway-access.log")
gateway=$(grep -acE '"status":500\b' "$logs/gateway-access.log" || true)
services=$(cat "$logs"/*-svc*.log | grep -acE '"http\.status":500\b|panicked at' || true)
lines=$(cat "$logs"/*-svc*.log | wc -l)
grep -ahE '"status":500\b' "$logs/gateway-access.log" >&2 || true
grep -ahE '"http\.status":500\b|panicked at' "$logs"/*-svc*.log >&2 || true
code=0
((gateway == 0 && services == 0 && answers > 0 && lines > 0)) || code=1
holds_if "$code" 'no answer of the run was a 500, and nothing panicked' \
  "$gateway in $answers answers of the gateway, $services in $lines lines of the services"
