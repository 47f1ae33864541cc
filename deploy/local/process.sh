# shellcheck shell=bash
# Starts and stops processes by pid. A pid file holds the pid and the process's start time, so that a pid which the
# system has given to somebody else is never signalled.

pid_file() { printf '%s/run/%s.pid' "$STATE_DIR" "$1"; }

# stat_of PID: "<state> <start time>" of a process, nothing when it is gone.
stat_of() {
  local line
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The second field is a name in brackets that may hold spaces.
  line=${line##*) }
  awk '{print $1, $20}' <<<"$line"
}

# pid_of NAME: its pid if it runs, else nothing. A zombie does not run.
pid_of() {
  local pid began state start
  read -r pid began 2>/dev/null <"$(pid_file "$1")" || return 0
  read -r state start <<<"$(stat_of "$pid")"
  if [[ -n $state && $state != Z && $start == "$began" ]]; then printf '%s' "$pid"; fi
}

runs() { [[ -n $(pid_of "$1") ]]; }

# launch NAME COMMAND...: in the background, as the user of that part, in a session of its own so that Ctrl-C reaches us first.
# Each link of the chain execs the next, which keeps the pid.
launch() {
  local name=$1 user log pid
  shift
  user=$(user_for "$name")
  log=$(log_of "$name")
  touch "$log"
  chown "$user" "$log"
  if [[ $EUID -eq 0 && $user != root ]]; then
    setsid setpriv --reuid "$user" --regid "$user" --init-groups --reset-env env -C / "$@" </dev/null >>"$log" 2>&1 9>&- &
  else
    setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
  fi
  pid=$!
  printf '%s %s\n' "$pid" "$(stat_of "$pid" | cut -d' ' -f2)" >"$(pid_file "$name")"
}

# as_user PART COMMAND...: in the foreground.
as_user() {
  local user
  user=$(user_for "$1")
  shift
  if [[ $EUID -eq 0 && $user != root ]]; then
    setpriv --reuid "$user" --regid "$user" --init-groups --reset-env env -C / "$@"
  else
    "$@"
  fi
}

# wait_for NAME SECONDS CHECK...: until the check passes; ends the command when the process dies or time is up.
wait_for() {
  local name=$1 deadline=$(($(now_ms) + $2 * 1000))
  local limit=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    runs "$name" || fail_with_log "$name" "$name ended while starting"
    (($(now_ms) < deadline)) || fail_with_log "$name" "$name was not ready after $limit s"
    sleep 0.1
  done
}

# halt NAME SIGNAL SECONDS: signal, wait, and only then kill.
halt() {
  local name=$1 signal=$2 deadline pid
  pid=$(pid_of "$name")
  if [[ -n $pid ]]; then
    kill -s "$signal" "$pid" 2>/dev/null || true
    deadline=$(($(now_ms) + $3 * 1000))
    while runs "$name"; do
      if (($(now_ms) > deadline)); then
        say "  $name did not stop within $3 s and is killed"
        kill -s KILL "$pid" 2>/dev/null || true
        deadline=$((deadline + 5000))
      fi
      sleep 0.05
    done
  fi
  rm -f "$(pid_file "$name")"
}
