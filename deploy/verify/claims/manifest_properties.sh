#!/usr/bin/env bash
# The reducer over a thousand generated contexts, and the witnesses over ten thousand documents and the manifests of a thousand
# contexts: whole, where `make test` takes a part. Built for release, since a debug build would need most of an hour.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0
GROUNDWORK_CASES=1000 cargo nextest run --release --package domain --test manifest --config-file deploy/verify/claims/nextest.toml \
  --profile long --success-output final -E 'test(sizes)' >"$log" 2>&1 || code=1
cat "$log" >&2
figures=$(grep -hoE '[0-9]+ (reductions; .*|answers removed)' "$log" | paste -sd ';' || true)
[[ $figures == *'8000 reductions'* && $figures == *' answers removed'* ]] || code=1
holds_if "$code" 'a thousand contexts of one to twenty budgets: never over, used as decided, monotone, identity kept; equal on 1 and 8 threads; each leaf from its answer' \
  "${figures:-nothing was run}"

code=0
cargo build --quiet --release --package domain --example manifest_samples >&2 || code=1
samples=${CARGO_TARGET_DIR:-$PWD/target}/release/examples/manifest_samples
rows=$(SAMPLES=$samples DOCUMENTS=10000 CONTEXTS=1000 deploy/test/25-manifest-witnesses.sh) || code=1
printf '%s\n' "$rows" >&2
# 10,000 documents, and a thousand contexts under four budgets and two encodings.
[[ $(grep -c '^ok' <<<"$rows") == 3 && $(grep -c '(18000 documents, 0 differ' <<<"$rows") == 2 ]] || code=1
grep -q '(8000 manifests, 0 miscounted, 0 over)' <<<"$rows" || code=1
holds_if "$code" 'npm canonicalize, PyPI rfc8785 and npm gpt-tokenizer agree with us on 10,000 documents and a thousand contexts' "$(paste -sd ';' <<<"${rows//ok: /}")"
