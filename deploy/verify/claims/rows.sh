# shellcheck shell=bash
# How a claim reports: rows on standard output, everything else on standard error.

# holds_if VERDICT CLAIM FIGURE: VERDICT is the exit code of the check.
holds_if() {
  local verdict='falls short'
  [[ $1 != 0 ]] || verdict=holds
  printf '%s\t%s\t%s\n' "$verdict" "$2" "$3"
}

# sql QUERY: one value, asked as the administrator.
sql() { psql "$DATABASE_ADMIN_URL" -v ON_ERROR_STOP=1 -Atqc "$1"; }

# built NAME: a program that `stack up` built.
built() { printf '%s/%s/%s' "$CARGO_TARGET_DIR" "$([[ $PROFILE == release ]] && echo release || echo debug)" "$1"; }

# journey ARGUMENTS...: the driver.
journey() { "$(built journey)" "$@"; }
