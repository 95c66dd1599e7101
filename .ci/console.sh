#!/usr/bin/env bash
# Checks console/: types, style, and its tests in Chromium against a real server. Needs what `npm ci` has installed, and Debian's
# chromium, which it installs where it is missing (as root); CHROMIUM names another one. Takes about four minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { printf 'console-ci: %s\n' "$*" >&2; }

# The Node that npm ci has installed: an older one does not run TypeScript.
PATH="$PWD/node_modules/.bin:$PATH"
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$CHROMIUM" ]; then
  say 'installing Chromium'
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi

say 'types, style'
tsc -p console
eslint --max-warnings=0 console
npm run build -w console --silent

say 'tests in Chromium'
npm test -w console --silent
say 'done'
