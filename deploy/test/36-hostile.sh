#!/usr/bin/env bash
# Requests that no honest client writes: smuggling shapes, sizes, slow clients, event streams.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
. deploy/test/claims.sh
claims hostile.py
