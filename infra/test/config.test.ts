import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assumed } from '../../scripts/cost/assumptions.ts'
import { SettingsSchema } from '../../src/app/settings.schema.ts'
import { readConfig } from '../lib/config.ts'
import { settingNames } from '../lib/context.ts'

/** What a wrong context is answered with. */
function messageOf (context: Record<string, unknown>): string {
  try {
    readConfig({ auth: 'tokens', ...context })
    return 'accepted'
  } catch (error) {
    return (error as Error).message
  }
}

test('without auth, the message says every way out', () => {
  const message = messageOf({ auth: undefined, front: 'rest' })
  assert.match(message, /^auth: is missing/)
  for (const way of ['tokens', 'jwt', 'platform', 'none']) assert.match(message, new RegExp(`-c auth=${way} `))
  assert.equal(messageOf({ auth: '', front: 'rest' }), message)
  assert.match(messageOf({ auth: 'open' }), /^auth: expected tokens or jwt or .*, got "open"\nauth: is missing/)
})

test('a deployment is by default what docs/cost.md assumes', () => {
  const { memoryMiB, sweepMinutes, accessLog } = readConfig({ auth: 'tokens' })
  assert.deepEqual({ memoryMiB, sweepsPerHour: 60 / sweepMinutes, accessLog },
    { memoryMiB: assumed.memoryMiB, sweepsPerHour: assumed.sweepsPerHour, accessLog: true })
  for (const front of ['rest', 'url']) {
    const { timeoutSeconds, accessLog } = readConfig({ auth: 'tokens', front })
    assert.deepEqual({ timeoutSeconds, accessLog }, { timeoutSeconds: assumed.streamSeconds, accessLog: false }, front)
  }
})

test('values of the command line and of cdk.json are read alike', () => {
  const typed = { auth: 'tokens', memory: 512, accessLog: false, settings: { RETENTION_MS: 86_400_000 } }
  const texts = { auth: 'tokens', memory: '512', accessLog: 'false', settings: '{"RETENTION_MS":"86400000"}' }
  assert.deepEqual(readConfig(typed), readConfig(texts))
  assert.equal(readConfig(typed).memoryMiB, 512)
  assert.deepEqual(readConfig(typed).settings, { RETENTION_MS: '86400000' })
})

test('the context of the CDK itself is left alone, an empty value counts as not set', () => {
  assert.equal(readConfig({ auth: 'tokens', '@aws-cdk/core:x': true, 'aws:cdk:y': 1, stage: '' }).stage, undefined)
})

for (const [given, message] of [
  [{ front: 'htp' }, /^front: expected http or rest or url, got "htp"$/],
  [{ auht: 'none' }, /^auht: is not known\. Known are stage, front, auth, /],
  [{ stage: 'Prod' }, /^stage: expected at most 20 lower case letters/],
  [{ memory: '64' }, /^memory: expected a whole number from 128 to 10240, got "64"$/],
  [{ memory: '1e3' }, /^memory: expected a whole number/],
  [{ accessLog: 'yes' }, /^accessLog: expected true or false, got "yes"$/],
  [{ logDays: '31' }, /^logDays: expected one of 1, 3, 5, /],
  [{ settings: '{"BUCKET_NAME":"x"}' }, /^settings: expected an object such as .* with some of AUTO_CREATE_TOPICS, /],
  [{ settings: 'RETENTION_MS=1' }, /^settings: expected an object/],
  [{ auth: 'jwt' }, /^jwtIssuer: is missing.*\njwtAudience: is missing.*\njwtJwksUrl: is missing, auth=jwt needs it$/],
  [{ jwtIssuer: 'https://id.example.com' }, /^jwtIssuer: has no effect with auth=tokens$/],
  [{ auth: 'jwt', jwtIssuer: 'i', jwtAudience: 'a', jwtJwksUrl: 'http://id.example.com' }, /^jwtJwksUrl: expected a URL that begins with https/],
  [{ timeout: '30' }, /^timeout: expected at most 29 with front=http, because API Gateway waits no longer, got 30$/],
  [{ front: 'rest', timeout: '901' }, /^timeout: expected a whole number from 1 to 900/],
  [{ front: 'url', rate: '5' }, /^rate: a function URL has none/],
  [{ front: 'url', domain: 's.example.com' }, /^domain: a function URL has none/],
  [{ front: 'url', accessLog: 'true' }, /^accessLog: a function URL has none/],
  [{ front: 'url', auth: 'platform', corsOrigins: '*' }, /^corsOrigins: with front=url and auth=platform, AWS refuses preflight/],
  [{ auth: 'platform', console: 'true' }, /^console: with auth=platform a browser cannot open it/],
  [{ console: 'true', bundle: 'elsewhere' }, /^console: has no effect on a function that bundle names$/],
  [{ bucket: 'my-streams' }, /^table: is missing\. A bucket and its table belong together$/],
  [{ table: 'my-streams' }, /^bucket: is missing/],
  [{ bucket: 'x--use1-az4--x-s3', table: 'my-streams' }, /^bucket: expected the name of a general purpose S3 bucket/],
  [{ bucket: 'my-streams', table: 'my-streams', removal: 'destroy' }, /^removal: an existing bucket and table are not changed/],
  [{ tableIndex: 'false' }, /^tableIndex: is for an existing bucket and table/],
  [{ expireDays: '1' }, /^expireDays: expected a whole number from 2 /],
  [{ domain: 's.example.com' }, /^certificate: is missing/],
  [{ domain: 's.example.com', certificate: 'arn:aws:acm:eu-central-1:123456789012:certificate/x', zoneId: 'Z1' }, /^zoneId and zoneName/],
  [{ certificate: 'arn:aws:acm:eu-central-1:123456789012:certificate/x' }, /^domain: is missing$/],
  [{ alarms: 'false', alarmEmail: 'ops@example.com' }, /^alarmEmail: there are no alarms/]
] as ReadonlyArray<readonly [Record<string, string>, RegExp]>) {
  test(`refused: ${JSON.stringify(given)}`, () => { assert.match(messageOf(given), message) })
}

test('all that is wrong is said at once', () => {
  assert.equal(messageOf({ front: 'x', memory: '1', stage: '-' }).split('\n').length, 3)
})

test('every setting of the service can be set, but for those that the stack sets itself and those without effect on Lambda', () => {
  const byStack = ['BUCKET_NAME', 'COUNTERS_TABLE', 'CORS_ORIGINS', 'AUTH', 'JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_JWKS_URL', 'JWT_SCOPE_CLAIM']
  const byLambda = ['AWS_REGION']
  const useless = [
    'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL_DYNAMODB', 'DATA_DIR', 'HOST', 'PORT', 'ALLOWED_HOSTS', 'MAX_CONNECTIONS',
    'MAX_BUFFERED_BYTES', 'SWEEP_INTERVAL_MS', 'MAX_FOLLOWERS', 'RATE_LIMIT_ADDRESS', 'TRUSTED_PROXIES'
  ]
  const known = [...settingNames, ...byStack, ...byLambda, ...useless]
  assert.deepEqual(Object.keys(SettingsSchema.properties).filter((name) => !known.includes(name)), [])
})
