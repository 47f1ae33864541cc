#!/usr/bin/env bash
# bench.sh [ROW…]: the performance table, or these rows of it: one line for each bar. Needs no stack: it starts one of its
# own, in the release profile.
# A bar may be missed where docs/PERFORMANCE.md has the profile and the reason, under "### Missed: ROW: CLAIM".
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

results=$PWD/target/bench/bench.json
rm -f "$results"
code=0
BENCH_OUT=$results deploy/bench/run "$@" >&2 || code=$?
if [[ ! -s $results ]]; then
  holds_if 1 "make bench measures ${*:-every row}" "exit code $code, nothing was written"
  exit 0
fi
explained=$(sed -n 's/^### Missed: //p' docs/PERFORMANCE.md | jq -Rn '[inputs]')
jq -r --argjson explained "$explained" '
  def digits: if . >= 100 then round elif . >= 10 then . * 10 | round / 10 else . * 1000 | round / 1000 end;
  (.bars[] | "\(.row): \(.claim)" as $name | ($explained | index([$name]) != null) as $explained | [
    (if .holds or $explained then "holds" else "falls short" end),
    "\($name) is \(.limit | to_entries[0] | "\({at_least: "at least", at_most: "at most", below: "below"}[.key]) \(.value)")\(if $explained then ", or docs/PERFORMANCE.md says why not" else "" end)",
    "\(.figure.median | digits) (\(.figure.min | digits) to \(.figure.max | digits))\(if .baseline then "" else " " + .unit end)"
  ]),
  (.failed[] | ["falls short", "\(.[0]) is measured", .[1]])
  | @tsv' "$results"
