#!/usr/bin/env bash
# What `make verify PHASE=journey` proves at full size, at a twentieth of it: webhooks, bad input, a killed broker.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
. deploy/test/claims.sh
export CRASH_JOURNEYS=5
claims webhooks.py bad_input.py 'crashes.sh rabbitmq'
