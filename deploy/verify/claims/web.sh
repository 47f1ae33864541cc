#!/usr/bin/env bash
# The web app at full size: a payment that stays pending for three minutes, a minute without a network, every page in both themes.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

output=$(mktemp)
trap 'rm -f "$output"' EXIT
export PENDING_MS=180000 OFFLINE_MS=60000

code=0
deploy/test/60-web.sh >"$output" 2>&1 || code=$?
cat "$output" >&2
holds_if "$code" 'types, lint, units, components and weight of the web app' \
  "$(grep -E 'first route' "$output" | tr -s ' ' | cut -d' ' -f2- || true)"

code=0
deploy/test/61-web-pages.sh >"$output" 2>&1 || code=$?
cat "$output" >&2
holds_if "$code" 'axe, console and policy find nothing on any page in both themes' "$(grep -c '^ok' "$output" || true) pages"

deploy/test/62-web-journeys.sh >"$output" 2>&1 || true
cat "$output" >&2
seen=0
while read -r verdict title; do
  code=0
  [[ $verdict == passed ]] || code=1
  holds_if "$code" "journey: ${title% (*}" "${title##* (}"
  seen=$((seen + 1))
done < <(grep -E '^(passed|FAILED) ' "$output" | sed 's/)$//' || true)
((seen >= 11)) || holds_if 1 'every journey was made' "$seen of 11"
confirmed=$(grep -c 'confirmed by the link of the mail' "$output" || true)
code=0
((confirmed >= 2)) || code=1
holds_if "$code" 'the link of the mail in the sandbox inbox confirms the sign-up' "$confirmed journeys"
