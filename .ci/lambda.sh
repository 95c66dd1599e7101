#!/usr/bin/env bash
# Runs the function as users deploy it, the zip of `npm run bundle`, under AWS's own runtime client: the black-box suite, buffered and
# streaming, on memory and on LocalStack, and what becomes of connections during a freeze. Needs what `npm ci` has installed, and the
# engine and the image of localstack.sh, or TEST_LOCALSTACK_ENDPOINT. Installs the client into a temporary folder, unless LAMBDA_RIC
# names one; it is compiled then, by cmake and g++, which are installed where this is root on Debian. Takes three minutes at most.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CLIENT=aws-lambda-ric@4.0.2
say() { printf 'lambda-ci: %s\n' "$*" >&2; }

# The Node that npm ci has installed: the client is compiled for it.
PATH="$PWD/node_modules/node/bin:$PWD/node_modules/.bin:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${LAMBDA_RIC:-}" ]; then
  missing=()
  command -v cmake >/dev/null || missing+=(cmake)
  command -v g++ >/dev/null || missing+=(g++)
  command -v make >/dev/null || missing+=(make)
  if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]}"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"; } >"$work/log" 2>&1 \
      || { cat "$work/log" >&2; say "cannot install ${missing[*]}"; exit 1; }
  fi
  say "compiling $CLIENT"
  npm install --prefix "$work/client" --no-save --no-audit --no-fund "$CLIENT" >"$work/log" 2>&1 \
    || { tail -n 40 "$work/log" >&2; say "$CLIENT did not install"; exit 1; }
  export LAMBDA_RIC=$work/client/node_modules/aws-lambda-ric
fi

npm run bundle --silent >&2
# Another program than the one that made it shows that the zip is one.
python3 -m zipfile -e dist/lambda.zip "$work/function"
export TEST_LAMBDA_FOLDER=$work/function

export REQUIRE_LOCALSTACK=1 TESTCONTAINERS_RYUK_DISABLED=true
timeout 240 tsx --test --test-concurrency=3 --test-global-setup=test/support/global-setup.ts --test-reporter=dot \
  test/http/lambda-jwt.test.ts test/integration/lambda/runtime.test.ts test/integration/lambda/freeze.test.ts
say 'done'
