#!/usr/bin/env bash
# The storm: 2,000 orders in bad weather while payments-svc dies every ten seconds, and 500 whose webhooks are all lost.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

for arguments in '--orders 2000' '--orders 500 --seed 2 --lost'; do
  rows=0
  # shellcheck disable=SC2086 # several arguments
  while IFS=$'\t' read -r verdict what figure; do
    printf '%s\t%s\t%s\n' "$verdict" "storm ($arguments): $what" "$figure"
    rows=$((rows + 1))
  done < <(deploy/chaos/storm $arguments)
  ((rows > 5)) || holds_if 1 "storm ($arguments)" "it did not run to its end, $rows rows"
done
