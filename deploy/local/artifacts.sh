# shellcheck shell=bash
# A cargo target folder that several checkouts share.

# Cargo tells stale from fresh by age: what another checkout built later than these sources were written passes for
# fresh, with that checkout's code and paths in it. So our own crates are built anew when the checkout changes.
own_artifacts() {
  local owner=$CARGO_TARGET_DIR/checkout manifest packages=()
  if [[ $(cat "$owner" 2>/dev/null) == "$ROOT" ]]; then return; fi
  if [[ -d $CARGO_TARGET_DIR ]]; then
    for manifest in "$ROOT"/{crates,services}/*/Cargo.toml; do packages+=(--package "$(basename "${manifest%/*}")"); done
    (cd "$ROOT" && cargo clean --quiet "${packages[@]}" && cargo clean --quiet --release "${packages[@]}") || return
  fi
  mkdir -p "$CARGO_TARGET_DIR"
  printf '%s\n' "$ROOT" >"$owner"
}
