# shellcheck shell=bash
# What a person sees: one line for each step with the time it took, and how to go on when one fails.

say() { printf '%s\n' "$*"; }

# Ends the command with a message that names what to do.
fail() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}

now_ms() { date +%s%3N; }

# seconds START_MS: the time since then, with one decimal.
seconds() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# step TITLE COMMAND...: runs it in this shell; its output stays silent unless it prints to the terminal itself.
step() {
  local title=$1 began
  shift
  began=$(now_ms)
  "$@"
  printf '  %-46s %6s s\n' "$title" "$(seconds "$began")"
}

# fail_with_log NAME MESSAGE [ADVICE...]: the same as fail, after the end of that part's log.
fail_with_log() {
  local name=$1 log
  shift
  log=$(log_of "$name")
  if [[ -s $log ]]; then
    printf '\nlast lines of %s:\n' "$log" >&2
    tail -n 25 "$log" | sed 's/^/  | /' >&2
  fi
  fail "$@" "The whole log: $log"
}
