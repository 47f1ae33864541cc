#!/usr/bin/env bash
# After a journey every service exposes the metrics of deploy/observe/metrics.yaml, all of them and no others. Needs STATE_DIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec "${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/venv/bin/python" -B deploy/observe/exposition.py
