#!/usr/bin/env bash
# The storm, a twentieth of it: a hundred orders in bad weather while one of two payments-svc replicas is killed every ten seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec deploy/chaos/storm --orders 100
