#!/usr/bin/env bash
# PhonePe's own Python and Node SDKs drive sandboxes of their own and validate the webhooks that those send. Unmodified, they
# reach PhonePe's names through a proxy that has the sandbox behind it. The SDKs are installed once for each user; nothing
# of them is copied.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$ROOT/deploy/test/phonepe-sdk
sandbox=${CARGO_TARGET_DIR:-$ROOT/target}/debug/sandbox
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork
packages=$cache/phonepe-sdk-node
venv=$cache/venv-phonepe
work=$(mktemp -d)
pid=
failed=()

cleanup() {
  if [[ -n $pid ]]; then
    kill -s TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [[ ! -x $sandbox ]]; then
  printf '%s is missing: run "cargo build --bin sandbox" first\n' "$sandbox" >&2
  exit 1
fi

install_packages() {
  local wanted
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
}

# drive TITLE SCRIPT ARGUMENTS...: in the background, so that a signal to this script is heard at once.
drive() {
  printf '%s\n' "$1"
  "$venv/bin/python" -B -W ignore::RuntimeWarning "$here/$2" "$sandbox" "${@:3}" &
  pid=$!
  wait "$pid" || failed+=("$1")
  pid=
}

install_packages
drive "Python SDK, given the sandbox's address" witness.py direct
for environment in sandbox production; do
  drive "Python SDK, unmodified, $environment" witness.py "$environment"
  drive "Node SDK, unmodified, $environment" node_sdk.py "$environment" "$work/witness.mjs"
done

if ((${#failed[@]})); then printf 'failed: %s\n' "${failed[@]}"; fi
((${#failed[@]} == 0))
