#!/usr/bin/env bash
# `make test` passed for this commit, in time. Its result is read; nothing is run again.
set -euo pipefail
# shellcheck source=/dev/null
. deploy/verify/claims/rows.sh

what='make test passed for this commit on a clean tree, in at most 45 minutes'
if [[ ! -s $VERIFY_TEST_RESULT ]]; then
  holds_if 1 "$what" 'it was never run: make test'
  exit
fi
code=0
jq -e --arg commit "$VERIFY_COMMIT" '.commit == $commit and .clean_tree and .passed and .duration_s <= 2700' \
  "$VERIFY_TEST_RESULT" >&2 || code=1
figure=$(jq -r '"\(.duration_s | floor) s \(.build), \(.stages | length) stages, \([.stages[] | select(.verdict != "passed")] | length) failed" +
  "\(if .clean_tree then "" else ", tree not clean" end), commit \(.commit[0:12])"' "$VERIFY_TEST_RESULT")
holds_if "$code" "$what" "$figure"
