# shellcheck shell=bash
# Claims of `make verify` as checks of `make test`: each must report, and nothing may fall short.

# claims 'FILE [ARGUMENTS]'...: prints the rows; ends with 1 when one falls short or a claim does not run to its end.
claims() {
  local claim command rows failed=0
  export PROFILE=${PROFILE:-dev}
  for claim in "$@"; do
    read -ra command <<<"deploy/verify/claims/$claim"
    rows=$("${command[@]}") || failed=1
    printf '%s\n' "$rows"
    if grep -q '^falls short' <<<"$rows" || ! grep -q '^holds' <<<"$rows"; then failed=1; fi
  done
  return "$failed"
}
