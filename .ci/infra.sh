#!/usr/bin/env bash
# Checks infra/: types, style, tests, cdk-nag on each front; then deploys the data stack to LocalStack and runs the black-box
# suite on it. Needs what `npm ci` has installed, and the engine and the image of localstack.sh. Takes about two minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

IMAGE=${LOCALSTACK_IMAGE:-localstack/localstack:4.14.0}
PORT=${INFRA_LOCALSTACK_PORT:-4599}
container=streams-infra-$$
say() { printf 'infra-ci: %s\n' "$*" >&2; }

# The Node that npm ci has installed: an older one does not run TypeScript.
PATH="$PWD/node_modules/.bin:$PATH"
npm ci --prefix infra --silent

outputs=$(mktemp -d)
cleanup() {
  docker rm -f "$container" >/dev/null 2>&1 || true
  rm -rf "$outputs"
}
trap cleanup EXIT
# Started first, so that it gets ready beside the checks.
docker run -d --rm --name "$container" -p "127.0.0.1:$PORT:4566" -e DISABLE_EVENTS=1 -e EAGER_SERVICE_LOADING=0 \
  -e SERVICES=s3,dynamodb,cloudformation,iam,sts,ssm "$IMAGE" >/dev/null

say 'types, style, tests'
tsc -p infra
eslint --max-warnings=0 infra
node --test "infra/test/*.test.ts"

# Offline, and as without an account. Each front, and what changes the permissions; cdk-nag makes a finding an error.
for context in front=http front=rest front=url 'bucket=existing-bucket -c table=existing-table -c tableIndex=false'; do
  say "cdk-nag: $context"
  # shellcheck disable=SC2086
  env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_PROFILE node infra/cli.ts synth -c auth=tokens -c $context >/dev/null
done

export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
# An address, not a name: the CDK then puts the bucket's name into the path.
export AWS_ENDPOINT_URL=http://127.0.0.1:$PORT AWS_ENDPOINT_URL_S3=http://127.0.0.1:$PORT
for _ in $(seq 120); do
  curl -fsS "$AWS_ENDPOINT_URL/_localstack/health" >/dev/null 2>&1 && break
  sleep 0.5
done

say 'deploying the data stack'
cd infra
# Neither needs the API, so neither says who may use it.
cdk() { node_modules/.bin/cdk "$@" --no-notices --progress events -c auth=none; }
cdk bootstrap aws://000000000000/us-east-1 -c bundle=placeholder
cdk deploy ServerlessStreamsData --exclusively --require-approval never --outputs-file "$outputs/outputs.json"

say 'the black-box suite on it'
DATA_OUTPUTS="$outputs/outputs.json" tsx --test e2e/deployed.test.ts
# What is there is what the template says, as far as CloudFormation sees it. The CDK tells it on either output.
cdk deploy ServerlessStreamsData --exclusively --require-approval never 2>&1 | tee "$outputs/again"
grep -q '(no changes)' "$outputs/again"
say 'done'
