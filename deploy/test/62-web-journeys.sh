#!/usr/bin/env bash
# A browser goes through the running stack, from the landing page to an exported manifest, and through what can go wrong.
# Needs what `deploy/local/stack exec` puts into the environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../frontend"
JOURNEY_SHOTS=$(mktemp -d "${TMPDIR:-/tmp}/groundwork-journeys.XXXXXX")
# shellcheck disable=SC2016 # the journey's own shell reads the variables
export JOURNEY_SHOTS \
  ONBOARDING_DOWN='kill -9 "$(cut -d" " -f1 "$STATE_DIR/run/onboarding-svc.pid")"' \
  ONBOARDING_UP='deploy/local/stack up' \
  REDIS_FLUSH='at=${REDIS_URL##*@}; at=${at%%/*}; password=${REDIS_URL%@*}; password=${password##*:}
    [[ $(REDISCLI_AUTH=$password redis-cli -h "${at%:*}" -p "${at##*:}" flushall) == OK ]]'
node journeys/run.mjs "$@" || { echo "pictures of what failed: $JOURNEY_SHOTS"; exit 1; }
rm -rf "$JOURNEY_SHOTS"
