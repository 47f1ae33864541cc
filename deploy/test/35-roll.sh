#!/usr/bin/env bash
# Two services roll under load: what `make verify` does with all of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
. deploy/test/claims.sh
export ROLL_JOURNEYS=4
claims 'roll.sh payments-svc bcm-svc'
