#!/usr/bin/env bash
# What an operator sees: alerts that fire and stay silent, panels whose metrics exist, a Prometheus that reaches everything.
# Runs with the addresses of a started stack in its environment (`stack exec`); stops bcm-svc and starts it again.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

python=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/venv/bin/python
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# figure FILTER: out of what the last program printed.
figure() { jq -r "$1" "$output" 2>/dev/null || printf 'see the log'; }
observe() { "$python" -B "deploy/observe/$1" "${@:2}" >"$output"; }

code=0
observe check.py || code=1
holds_if "$code" 'every alert fires in its unit test and stays silent in its counter-tests, and each test fails without its alert' \
  "$(figure '"\(.alerts) alerts, \(.cases_fire) cases that fire, \(.cases_silent) that stay silent"')"
holds_if "$code" 'no rule, panel or legend names a metric or label that is not in the schema' \
  "$(figure '"\(.metrics) metrics, \(.recorded) recorded series, \(.panels) panels with \(.queries) queries"')"

code=0
observe exposition.py || code=1
holds_if "$code" 'after a journey every service exposes the metrics of the schema, all of them and no others' "$(cat "$output")"

code=0
OBSERVE=1 deploy/local/stack up >&2 || code=1
observe live.py || code=1
holds_if "$code" 'with OBSERVE=1 Prometheus reaches every target, evaluates every rule and has the series of every panel' \
  "$(figure '"\(.up) of \(.targets) targets up, \(.queries_with_data) of \(.queries) queries have data"')"

code=0
read -r pid _ <"$STATE_DIR/run/bcm-svc.pid"
kill -s TERM "$pid"
began=$SECONDS
observe live.py alert ServiceDown job=bcm-svc severity=page || code=1
took=$((SECONDS - began))
deploy/local/stack up >&2 || code=1
holds_if "$code" 'a stopped bcm-svc is a page in Alertmanager' "$(figure '.annotations.summary') after $took s"
