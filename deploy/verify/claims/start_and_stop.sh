#!/usr/bin/env bash
# A clean clone starts with one command, starts again at once, and stops without a trace.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh
# shellcheck disable=SC2034 # the parts read it
ROOT=$PWD
for part in output settings state process ports; do
  # shellcheck source=/dev/null
  . "deploy/local/$part.sh"
done
state_choose

PORT_SETTINGS=(GATEWAY_PORT SANDBOX_PORT POSTGRES_PORT REDIS_PORT RABBITMQ_PORT RABBITMQ_MANAGEMENT_PORT RABBITMQ_DIST_PORT
  RABBITMQ_EPMD_PORT RABBITMQ_PROMETHEUS_PORT AUTH_PORT AUTH_INTERNAL_PORT PAYMENTS_PORT PAYMENTS_INTERNAL_PORT
  ONBOARDING_PORT ONBOARDING_INTERNAL_PORT BCM_PORT BCM_INTERNAL_PORT)

# Processes that belong to this clone: by their command line, folder or environment.
ours() {
  local process
  for process in /proc/[0-9]*; do
    [[ ${process##*/} != "$$" ]] || continue
    if [[ $(readlink "$process/cwd" 2>/dev/null) == "$STATE_DIR"* ]] ||
      grep -qaF "$STATE_DIR" "$process/cmdline" "$process/environ" 2>/dev/null; then
      printf '%s\n' "${process##*/}"
      ps -o pid,args -p "${process##*/}" >&2 || true
    fi
  done
}

open_ports() {
  local setting
  for setting in "${PORT_SETTINGS[@]}"; do
    if listening "${!setting}"; then printf '%s=%s\n' "$setting" "${!setting}"; fi
  done
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT

from=$(now_ms)
code=0
make up >"$output" 2>&1 || code=$?
first_s=$(seconds "$from")
cat "$output" >&2
missing=''
grep -qF "$GATEWAY_URL" "$output" || missing+=' URL'
grep -qi '^ *demo login' "$output" || missing+=' login'
grep -qE '"content" ?:' "$output" && grep -qE '[0-9a-f]{64}' "$output" || missing+=' manifest'
[[ -z $missing ]] || code=1
holds_if "$code" 'make up on a clean clone ends with URL, demo login and the printed manifest' "$first_s s${missing:+, missing:$missing}"
mapfile -t started < <(cat "$STATE_DIR"/run/*.pid 2>/dev/null)

from=$(now_ms)
code=0
make up >&2 2>&1 || code=$?
took_ms=$(($(now_ms) - from))
((took_ms <= 30000)) || code=1
holds_if "$code" 'a second make up takes at most 30 s' "$((took_ms / 1000)).$((took_ms % 1000 / 100)) s"

code=0
make down >&2 2>&1 || code=$?
mapfile -t left < <(ours)
mapfile -t open < <(open_ports)
printf 'still open: %s\n' "${open[*]}" >&2
for pair in "${started[@]}"; do
  read -r pid since <<<"$pair"
  read -r state start <<<"$(stat_of "$pid")"
  if [[ $start == "$since" && $state != Z ]]; then left+=("$pid"); fi
done
((${#left[@]} == 0 && ${#open[@]} == 0 && ${#started[@]} > 0)) || code=1
holds_if "$code" 'make down leaves no process and no open port' \
  "${#left[@]} processes of ${#started[@]}, ${#open[@]} ports of ${#PORT_SETTINGS[@]}"
