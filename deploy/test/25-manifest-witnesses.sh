#!/usr/bin/env bash
# Independent implementations of RFC 8785 (npm canonicalize, PyPI rfc8785) and of the tokenisers (npm gpt-tokenizer) are given
# generated documents and manifests, and must come to the same bytes, checksums and counts. They are installed once for each user.
# DOCUMENTS and CONTEXTS say how many; `make verify PHASE=manifest` takes 10,000 and 1,000. SAMPLES
# is the program that generates them, when it is not that of the debug build.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$ROOT/deploy/test/manifest-witnesses
samples=${SAMPLES:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/examples/manifest_samples}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork
packages=$cache/manifest-witnesses-node
venv=$cache/venv-manifest
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

if [[ ! -x $samples ]]; then
  printf '%s is missing: run "cargo build --package domain --example manifest_samples" first\n' "$samples" >&2
  exit 1
fi

wanted=$(sha256sum <"$here/requirements.txt")
if [[ $wanted != "$(cat "$venv/requirements.sha256" 2>/dev/null || true)" ]]; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  printf '%s\n' "$wanted" >"$venv/requirements.sha256"
fi
mkdir -p "$packages"
wanted=$(cat "$here/node/package.json" "$here/node/package-lock.json" | sha256sum)
if [[ $wanted != "$(cat "$packages/installed.sha256" 2>/dev/null || true)" ]]; then
  cp "$here/node/package.json" "$here/node/package-lock.json" "$packages/"
  npm ci --prefix "$packages" --ignore-scripts --no-audit --no-fund --loglevel=error
  printf '%s\n' "$wanted" >"$packages/installed.sha256"
fi
# Node looks for packages beside the file that imports them.
cp "$here/node/witness.mjs" "$work/"
ln -s "$packages/node_modules" "$work/node_modules"

"$samples" "${DOCUMENTS:-1000}" "${CONTEXTS:-10}" >"$work/samples.jsonl"
failed=0
node "$work/witness.mjs" "$work/samples.jsonl" || failed=1
"$venv/bin/python" -B "$here/witness.py" "$work/samples.jsonl" || failed=1
exit "$failed"
