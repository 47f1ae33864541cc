#!/usr/bin/env bash
# The reducer over a thousand generated contexts, and the witnesses over ten thousand documents: whole, where `make test` takes a
# twenty-fifth.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0
GROUNDWORK_CASES=1000 cargo nextest run --release -p domain --test manifest --success-output final -E 'test(sizes)' >"$log" 2>&1 || code=1
cat "$log" >&2
figures=$(grep -hoE '[0-9]+ (reductions; .*|answers removed)' "$log" | paste -sd ';' || true)
[[ -n $figures ]] || code=1
holds_if "$code" 'a thousand contexts of one to twenty budgets: never over, used as decided, monotone, identity kept; equal on 1 and 8 threads; each leaf from its answer' \
  "${figures:-nothing was run}"

code=0
cargo build --quiet -p domain --example manifest_samples >&2 || code=1
rows=$(DOCUMENTS=10000 CONTEXTS=250 deploy/test/25-manifest-witnesses.sh) || code=1
printf '%s\n' "$rows" >&2
[[ $(grep -c '^ok' <<<"$rows") == 3 ]] || code=1
holds_if "$code" 'npm canonicalize, PyPI rfc8785 and npm gpt-tokenizer agree with us' "$(paste -sd ';' <<<"${rows//ok: /}")"
