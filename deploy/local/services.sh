# shellcheck shell=bash
# Our own processes: built by cargo, migrated, started, asked for readiness.

# The first build takes minutes: cargo's own progress is shown then, and stays silent later.
build() {
  local release=() quiet=(--quiet)
  if [[ $PROFILE == release ]]; then release=(--release); fi
  own_artifacts || fail "another checkout's work could not be removed from $CARGO_TARGET_DIR"
  if [[ ! -x $BIN/journey ]]; then quiet=(); fi
  (cd "$ROOT" && cargo build "${quiet[@]}" "${release[@]}" --bin auth-svc --bin payments-svc --bin onboarding-svc --bin bcm-svc \
    --bin sandbox --bin journey) || fail "the build failed" "cargo's messages stand above"
}

# with_environment SERVICE COMMAND...: in the foreground. The developer's own settings for other things stay as they are.
with_environment() (
  set -a
  # shellcheck disable=SC1090
  . "$STATE_DIR/services/$1.env"
  set +a
  shift
  cd "$ROOT" || exit
  "$@"
)

migrate() {
  local svc arguments
  for svc in "${SERVICES[@]}"; do
    arguments=(migrate)
    [[ $svc == auth-svc ]] && arguments+=(--bootstrap)
    with_environment "$svc" "$BIN/$svc" "${arguments[@]}" >>"$(log_of "$svc")" 2>&1 ||
      fail_with_log "$svc" "$svc ${arguments[*]} failed"
  done
}

# service_start REPLICA ARGUMENTS...
service_start() {
  local svc=$1 pairs pid
  pid=$(pid_of "$svc")
  if [[ -n $pid ]]; then
    # The link says "(deleted)" when a build has replaced the binary since.
    [[ $(readlink "/proc/$pid/exe") == *' (deleted)' ]] || return 0
    halt "$svc" TERM 30
  fi
  mapfile -t pairs <"$STATE_DIR/services/$svc.env"
  # The environment, not the command line: other users can read the latter.
  (
    export "${pairs[@]}"
    launch "$svc" "$BIN/$(service_of "$svc")" "${@:2}"
  )
}

service_ready() {
  if [[ $1 == sandbox ]]; then
    curl -sS -m 2 -o /dev/null "$SANDBOX_URL/"
  else
    with_environment "$1" "$BIN/$(service_of "$1")" healthcheck
  fi
}

# The replicas that are to run: as many as were asked for, and those that run already.
replicas() {
  local svc replica
  for svc in "${SERVICES[@]}"; do
    for replica in $(replicas_of "$svc"); do
      if [[ $replica == "$svc" ]] || ((REPLICAS > 1)) || runs "$replica"; then printf '%s\n' "$replica"; fi
    done
  done
}

services_start() {
  local svc wanted
  mapfile -t wanted < <(replicas)
  service_start sandbox serve
  for svc in "${wanted[@]}"; do service_start "$svc" serve --with-worker; done
  for svc in sandbox "${wanted[@]}"; do wait_for "$svc" 30 service_ready "$svc"; done
}

# All get the signal together and drain together; the sandbox goes last, because a draining service may still call it.
services_stop() {
  local svc pid running
  mapfile -t running < <(replicas)
  for svc in "${running[@]}"; do
    pid=$(pid_of "$svc")
    [[ -z $pid ]] || kill -s TERM "$pid" 2>/dev/null || true
  done
  for svc in "${running[@]}" sandbox; do halt "$svc" TERM 30; done
}

doctor() {
  local svc failed=0
  for svc in "${SERVICES[@]}"; do
    say "$svc"
    with_environment "$svc" "$BIN/$svc" doctor || failed=1
  done
  return "$failed"
}
