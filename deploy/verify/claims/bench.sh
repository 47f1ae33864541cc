#!/usr/bin/env bash
# The performance table: one row for each bar. Needs no stack: it starts one of its own, in the release profile.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

results=$PWD/target/bench/bench.json
rm -f "$results"
code=0
BENCH_OUT=$results deploy/bench/run >&2 || code=$?
if [[ ! -s $results ]]; then
  holds_if 1 'make bench measures every row' "exit code $code, nothing was written"
  exit 0
fi
jq -r '
  def digits: if . >= 100 then round elif . >= 10 then . * 10 | round / 10 else . * 1000 | round / 1000 end;
  (.bars[] | [
    (if .holds then "holds" else "falls short" end),
    "\(.row): \(.claim) is \(.limit | to_entries[0] | "\({at_least: "at least", at_most: "at most", below: "below"}[.key]) \(.value)")",
    "\(.figure.median | digits) (\(.figure.min | digits) to \(.figure.max | digits))\(if .baseline then "" else " " + .unit end)"
  ]),
  (.failed[] | ["falls short", "\(.[0]) is measured", .[1]])
  | @tsv' "$results"
