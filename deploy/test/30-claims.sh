#!/usr/bin/env bash
# What `make verify PHASE=journey` proves at full size, at a twentieth of it: webhooks, bad input, a killed broker.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PROFILE=${PROFILE:-dev} CRASH_JOURNEYS=5

output=$(mktemp)
trap 'rm -f "$output"' EXIT
failed=0
for claim in webhooks.py bad_input.py 'crashes.sh rabbitmq'; do
  read -ra command <<<"deploy/verify/claims/$claim"
  "${command[@]}" >"$output" || failed=1
  cat "$output"
  if grep -q '^falls short' "$output" || ! grep -q '^holds' "$output"; then failed=1; fi
done
exit "$failed"
