#!/usr/bin/env bash
# Prometheus and Alertmanager beside the services: every target is up, every rule is evaluated, every panel has its series.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
deploy/local/stack observe
exec "${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/venv/bin/python" -B deploy/observe/live.py
