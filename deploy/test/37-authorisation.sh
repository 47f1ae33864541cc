#!/usr/bin/env bash
# Every operation of the OpenAPI documents with bad tokens, as a stranger, as a removed member, in too low a role.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
. deploy/test/claims.sh
PATH=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/venv/bin:$PATH
claims authorisation.py
