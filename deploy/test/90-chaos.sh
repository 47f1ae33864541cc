#!/usr/bin/env bash
# The short form of `make chaos`: every kill point once; PostgreSQL, RabbitMQ and Redis each killed and hanging. The machine
# may be slow: bars of time are wide, the invariants have none. It is the last check, since it restarts what the others use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

code=0
deploy/chaos/run --short --slack 5 --results target/verify/chaos-short.json || code=$?
# The build replaced the binaries of running services, and their dependencies were killed.
deploy/local/stack up
exit "$code"
