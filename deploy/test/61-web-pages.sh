#!/usr/bin/env bash
# Every page in a browser, in both themes: nothing serious for axe, no error in the console, nothing that the content security
# policy refuses, nothing wider than a phone. The pages are those of the gateway; answers come from a world of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../frontend"
exec node journeys/screenshots.mjs --check
