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

# tested CLAIM STAGE FILE: a stage of `make test` runs the tests of the file, or the script, and passed for this commit.
tested() {
  local code=0 verdict tests=1
  verdict=$(jq -r --arg commit "$VERIFY_COMMIT" --arg stage "$2" 'select(.commit == $commit and .clean_tree)
    | .stages[] | select(.name == $stage) | "\(.verdict) in \(.duration_s | floor) s"' "$VERIFY_TEST_RESULT" || true)
  if [[ $3 == *.rs ]]; then tests=$(grep -cE '^ *#\[(tokio::)?test' "$3" || true); fi
  [[ $verdict == passed* && -f $3 && $tests -gt 0 ]] || code=1
  holds_if "$code" "$1" "$3, tests: $tests; stage \"$2\" ${verdict:-was not run for this commit}"
}
