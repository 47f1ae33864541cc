#!/usr/bin/env bash
# The manifest through the gateway: conditional requests, files, streams, rebuilds at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=/dev/null
. deploy/test/claims.sh
claims manifest.py
