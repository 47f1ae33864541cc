#!/usr/bin/env bash
# Supabase's own JavaScript client, unmodified, signs up, in and out through the gateway. Needs GATEWAY_URL.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/supabase-auth-js
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/supabase-auth-js

mkdir -p "$cache"
if ! cmp -s "$here/package.json" "$cache/installed.json"; then
  cp "$here/package.json" "$cache/package.json"
  npm install --prefix "$cache" --no-audit --no-fund --loglevel=error
  cp "$here/package.json" "$cache/installed.json"
fi
# Node looks for packages beside the file that imports them.
cp "$here/witness.mjs" "$cache/witness.mjs"
exec node "$cache/witness.mjs"
