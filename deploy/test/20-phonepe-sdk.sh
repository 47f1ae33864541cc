#!/usr/bin/env bash
# PhonePe's own Python SDK drives a sandbox of its own and validates the webhooks that it sends. The SDK is installed
# once for each user; nothing of it is copied.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$ROOT/deploy/test/phonepe-sdk
sandbox=${CARGO_TARGET_DIR:-$ROOT/target}/debug/sandbox
venv=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/venv-phonepe

if [[ ! -x $sandbox ]]; then
  printf '%s is missing: run "cargo build --bin sandbox" first\n' "$sandbox" >&2
  exit 1
fi

wanted=$(sha256sum <"$here/requirements.txt")
if [[ $wanted != "$(cat "$venv/requirements.sha256" 2>/dev/null || true)" ]]; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  printf '%s\n' "$wanted" >"$venv/requirements.sha256"
fi

exec "$venv/bin/python" -B -W ignore::RuntimeWarning "$here/witness.py" "$sandbox"
