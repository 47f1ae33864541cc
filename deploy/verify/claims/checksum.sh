#!/usr/bin/env bash
# The printed checksum is what `sha256sum` says of the exported bytes.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
journey demo --export "$folder/manifest.json" >"$folder/output"
cat "$folder/output" >&2
printed=$(sed -n 's/^checksum *\([0-9a-f]\{64\}\)$/\1/p' "$folder/output")
counted=$(sha256sum "$folder/manifest.json" | cut -d' ' -f1)
code=0
[[ -n $printed && $printed == "$counted" ]] || code=1
holds_if "$code" "the printed manifest's checksum is the SHA-256 of the exported bytes" \
  "${printed:0:16}… and ${counted:0:16}…, $(stat -c %s "$folder/manifest.json") bytes"
