#!/usr/bin/env bash
# The TypeScript client of the manifest: its types are those of the schema, it builds, and it reads from a service that is played and
# from the running stack. Its tools are installed once for each user.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$ROOT/clients/typescript
cache=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork
packages=$cache/manifest-client
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

mkdir -p "$packages"
wanted=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum)
if [[ $wanted != "$(cat "$packages/installed.sha256" 2>/dev/null || true)" ]]; then
  cp "$here/package.json" "$here/package-lock.json" "$packages/"
  npm ci --prefix "$packages" --ignore-scripts --no-audit --no-fund --loglevel=error
  printf '%s\n' "$wanted" >"$packages/installed.sha256"
fi
# At the depth that it has in the tree, so that its scripts find the schema.
mkdir -p "$work/clients/typescript" "$work/deploy"
cp -r "$here"/{package.json,tsconfig.json,src,test} "$work/clients/typescript/"
ln -s "$ROOT/deploy/schemas" "$work/deploy/schemas"
ln -s "$packages/node_modules" "$work/clients/typescript/node_modules"
cd "$work/clients/typescript"

npm run --silent types
if ! diff -u "$here/src/manifest.ts" src/manifest.ts; then
  printf 'clients/typescript/src/manifest.ts is not that of the schema: npm run types\n' >&2
  exit 1
fi
MANIFEST_TOKEN=$(cd "$ROOT/deploy/verify/claims" && python3 -B -c 'from client import finished_owner; print(finished_owner()["Authorization"].split(" ")[1])')
export MANIFEST_TOKEN
npm test --silent
