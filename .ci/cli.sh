#!/usr/bin/env bash
# Checks cli/: types, the bundle, and its tests, which run the command against servers on SQLite. Needs what `npm ci` has installed.
# Takes two to three minutes on two cores that have nothing else to do, and is ended after ten.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The Node that npm ci has installed: an older one does not run TypeScript.
PATH="$PWD/node_modules/.bin:$PATH"
# Also the million lines.
STREAMS_MEMORY=1 timeout --kill-after=10 600 npm test -w cli
