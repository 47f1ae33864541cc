# shellcheck shell=bash
# The web app: its packages and its files, made anew when what they are made of has changed.

web_npm() { (cd "$ROOT/frontend" && npm "$@") >>"$(log_of web)" 2>&1; }

# What the packages and the files were made of, as one hash.
web_packages_hash() { (cd "$ROOT/frontend" && node --version && cat package-lock.json .npmrc) | sha256sum; }
web_sources_hash() {
  (
    cd "$ROOT/frontend" || exit
    node --version
    cat package.json package-lock.json index.html vite.config.ts tsconfig.json scripts/compress.mjs
    find src public -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  ) | sha256sum
}

# made_of MARK HASH: whether that is what the mark says.
made_of() { [[ $(cat "$1" 2>/dev/null) == "$2" ]]; }

web_packages() {
  local mark=$ROOT/frontend/node_modules/.made-of hash
  hash=$(web_packages_hash)
  if made_of "$mark" "$hash"; then return; fi
  web_npm ci || fail_with_log web "the web app's packages could not be installed"
  printf '%s\n' "$hash" >"$mark"
}

web_build() {
  local mark=$ROOT/frontend/dist/.made-of hash
  touch "$(log_of web)"
  # Tests need the packages even where the files are there already.
  if [[ $STACK == test ]]; then web_packages; fi
  hash=$(web_sources_hash)
  if made_of "$mark" "$hash"; then return; fi
  web_packages
  web_npm run bundle || fail_with_log web "the web app could not be built"
  printf '%s\n' "$hash" >"$mark"
}
