#!/usr/bin/env bash
# The web app by itself: types, lint, units, components, and what a browser would have to load.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../frontend"

npm run --silent typecheck
npm run --silent lint
npm run --silent test -- --reporter=dot
npm run --silent weight
