#!/usr/bin/env bash
# Checks the TypeScript client: types, style, tests with a real server behind a fault proxy, the README's programs, the package, its size,
# the reference; and that it runs in Node 20 and 24, Deno, Bun, workerd and Chromium. Needs what `npm ci` has installed. About 4 minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { printf 'clients-ci: %s\n' "$*" >&2; }

# The Node that npm ci has installed: an older one does not run TypeScript.
PATH="$PWD/node_modules/.bin:$PATH"
npm ci --prefix clients/checks --silent

# A runtime that is missing fails its test; a developer's run only skips it.
export REQUIRE_RUNTIMES=1
if [ -z "${NODE_20:-}" ] && ! [[ "$(/usr/bin/node --version 2>/dev/null)" == v20.* ]]; then
  NODE_20=$(npm exec --yes --package=node@20 --call='command -v node')
  export NODE_20
fi
if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ] && [ "$(id -u)" = 0 ]; then
  say 'installing Chromium'
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi

say 'types and style'
eslint --max-warnings=0 clients bench/scenarios bench/subjects
tsc -p clients/checks
say 'tests of the client, and the suite'
npm test -w clients/typescript
say 'other runtimes, validators, the README, the package, the reference'
npm test --prefix clients/checks
npm run reference --prefix clients/checks
say 'done'
