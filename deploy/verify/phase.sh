# shellcheck shell=bash
# Proves a phase on a clean clone with a stack of its own, and writes docs/verification/$PHASE.md. A phase is a script that
# sets PHASE and TITLE, names its claims in a function `claims`, and calls `verify`.
# Each claim is a program in claims/ that prints rows "holds|falls short <tab> claim <tab> figure"; what it says besides
# goes to its log. Ends with 1 when any claim falls short; on success the commit gets a note and a tag (decision 30).

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT" || exit
# shellcheck source=/dev/null
. deploy/local/output.sh

results=$ROOT/target/verify/$PHASE
report=docs/verification/$PHASE.md
# The same place each time, so that what a run that was cut off left behind is found and stopped.
work=/var/tmp/groundwork-verify-$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)
clone=$work/groundwork
began=$(now_ms)
rows=()
short=0

# Reports may differ: a run that failed leaves one behind, and `all` runs several.
[[ -z $(git status --porcelain -- . ":!docs/verification") ]] ||
  fail "the tree is not clean, so nothing could be said about a commit" "git status shows what to commit or remove."
commit=$(git rev-parse HEAD)

# Ports and settings of the clone's stack: beside a dev and a test stack, with instances of its own.
unset GROUNDWORK_STACK STATE_DIR DATABASE_ADMIN_URL DATABASE_URL REDIS_URL AMQP_URL RABBITMQ_MANAGEMENT_URL SUPABASE_URL
export STACK=dev EMAIL_CONFIRMATION=false PROFILE=${PROFILE:-dev} CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}
[[ $CARGO_TARGET_DIR == /* ]] || CARGO_TARGET_DIR=$ROOT/$CARGO_TARGET_DIR
export GATEWAY_PORT=10080 SANDBOX_PORT=10090 POSTGRES_PORT=20432 REDIS_PORT=20379 RABBITMQ_PORT=20672 \
  RABBITMQ_MANAGEMENT_PORT=20673 RABBITMQ_DIST_PORT=20674 RABBITMQ_EPMD_PORT=20675 RABBITMQ_PROMETHEUS_PORT=20676 \
  AUTH_PORT=20001 AUTH_INTERNAL_PORT=20101 PAYMENTS_PORT=20002 PAYMENTS_INTERNAL_PORT=20102 \
  ONBOARDING_PORT=20003 ONBOARDING_INTERNAL_PORT=20103 BCM_PORT=20004 BCM_INTERNAL_PORT=20104 \
  PROMETHEUS_PORT=20090 ALERTMANAGER_PORT=20093
export VERIFY_COMMIT=$commit VERIFY_TEST_RESULT=$ROOT/target/verify/test.json VERIFY_CHAOS_RESULT=$ROOT/target/verify/chaos.json

finish() {
  [[ -d $clone ]] || return 0
  (cd "$clone" && deploy/local/stack down) >>"$results/finish.log" 2>&1 || true
  cp "$clone"/.local/dev/logs/*.log "$results/" 2>/dev/null || true
  git -C "$clone" clean -ffdxq || rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# claim 'FILE [ARGUMENTS]' [exec]: runs one claim in the clone, `exec` with the addresses of the started stack.
claim() {
  local name=${1%% *} log verdict what figure seen=0 command
  read -ra command <<<"deploy/verify/claims/$1"
  [[ ${2:-} != exec ]] || command=(deploy/local/stack exec "${command[@]}")
  log=$results/${name%.*}.log
  say "${name%.*}"
  while IFS=$'\t' read -r verdict what figure; do
    case $verdict in
      holds | 'falls short') row "$verdict" "$what" "$figure" ;;
      exit) [[ $what == 0 && $seen != 0 ]] || row 'falls short' "${name%.*} ran to its end" "exit code $what, see ${log#"$ROOT"/}" ;;
      *) row 'falls short' "${name%.*} reports in rows" "$verdict" ;;
    esac
    seen=1
  done < <(
    cd "$clone" || exit
    "${command[@]}" 2>"$log" </dev/null && code=0 || code=$?
    printf 'exit\t%s\n' "$code"
  )
}

row() {
  printf '  %-11s  %-72s  %s\n' "$1" "$2" "$3"
  rows+=("$1|$2|$3")
  [[ $1 == holds ]] || short=1
}

# shellcheck disable=SC1091,SC2016 # a file of the system; backticks of Markdown
write_report() {
  local row verdict what figure
  mkdir -p "$(dirname "$report")"
  {
    printf '# Verification: %s\n\n`make verify PHASE=%s` wrote this page; it is not edited.\n\n' "$TITLE" "$PHASE"
    printf -- '- Commit: `%s`\n' "$commit"
    printf -- '- Date: %s\n' "$(date -u +%FT%TZ)"
    printf -- '- Machine: %s × %s, %s GiB, %s, %s\n' "$(nproc)" \
      "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" \
      "$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)" \
      "$(. /etc/os-release && printf '%s' "$PRETTY_NAME")" "$(rustc --version | cut -d' ' -f1,2)"
    printf -- '- Build: %s profile, limits widened for load\n' "$PROFILE"
    printf -- '- Verdict: **%s**\n\n' "$1"
    printf '| claim | figure | verdict |\n|---|---|---|\n'
    for row in "${rows[@]}"; do
      IFS='|' read -r verdict what figure <<<"$row"
      printf '| %s | %s | %s |\n' "$what" "$figure" "$verdict"
    done
  } >"$report"
}

# started: the clone's stack, with wide limits; tests of their own prove the defaults (decision 22).
started() {
  export LIMITS=load
  (cd "$clone" && make up) >"$results/up.log" 2>&1 ||
    { row 'falls short' 'the stack starts with wide limits' "see ${results#"$ROOT"/}/up.log"; return 1; }
}

# The commit in a clone, and nothing else. The clone stays: files that git leaves alone are built already, so that a second
# verification builds what has changed.
clone_commit() {
  if [[ -d $clone ]]; then
    (cd "$clone" && deploy/local/stack down) >/dev/null 2>&1 || true
    if git -C "$clone" fetch --quiet origin HEAD && git -C "$clone" checkout --quiet --force --detach "$commit" &&
      git -C "$clone" clean -ffdxq; then return; fi
  fi
  rm -rf "$work"
  mkdir -p "$work"
  chmod 711 "$work"
  git clone --quiet --no-hardlinks "$ROOT" "$clone"
  git -C "$clone" checkout --quiet --detach "$commit"
}

verify() {
  local took_s verdict='falls short'
  mkdir -p "$results"
  rm -f "$results"/*.log
  clone_commit

  say "Verifying $TITLE at ${commit:0:12}"
  claims
  took_s=$((($(now_ms) - began) / 1000))
  ((took_s >= 3600)) || verdict=holds
  row "$verdict" 'the verification ends in under 60 minutes' "$((took_s / 60)) min $((took_s % 60)) s"

  if ((short)); then
    write_report 'falls short'
    say "falls short; $report says where, logs are in ${results#"$ROOT"/}"
    return 1
  fi
  write_report holds
  git notes add --force --message "make verify PHASE=$PHASE holds: ${#rows[@]} claims in $took_s s" "$commit"
  git tag --force "phase-$PHASE-check" "$commit" >/dev/null
  say "holds: ${#rows[@]} claims; $report, tag phase-$PHASE-check"
}
