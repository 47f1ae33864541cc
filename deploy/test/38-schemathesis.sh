#!/usr/bin/env bash
# schemathesis asks the running system whether it is what its OpenAPI documents say, as a person who has everything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/venv/bin:$PATH
exec deploy/test/schemathesis/run.py
