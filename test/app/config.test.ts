import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadLambdaSettings, loadServerSettings, loadSettings, type Settings, SettingsError } from '../../src/app/config.ts'

const defaults: Settings = {
  storage: { kind: 'folder', path: './data' },
  host: '127.0.0.1',
  port: 9000,
  servedHosts: ['localhost', '127.0.0.1', '[::1]', '127.0.0.1'],
  corsOrigins: [],
  access: undefined,
  logLevel: 'info',
  connectionsMax: 10_000,
  bufferedBytesMax: 268_435_456,
  followersMax: 2_000,
  addressRate: undefined,
  principalRate: undefined,
  trustedProxies: [],
  compression: 'auto',
  lingerMs: 0,
  createsTopics: true,
  retention: { retentionMs: undefined, retentionBytes: undefined },
  metrics: true,
  metricTopicsMax: 100,
  sweepIntervalMs: 300_000,
  traces: false
}

const jwtVariables = {
  JWT_ISSUER: 'https://login.example.com/', JWT_AUDIENCE: 'streams', JWT_JWKS_URL: 'https://login.example.com/jwks.json'
}
const jwt = { issuer: 'https://login.example.com/', audience: 'streams', jwksUrl: 'https://login.example.com/jwks.json', scopeClaim: 'scope' }

test('without variables the defaults hold', () => {
  assert.deepEqual(loadSettings({}), defaults)
})

test('an empty variable counts as unset', () => {
  assert.deepEqual(loadSettings({ PORT: '', BUCKET_NAME: '', COUNTERS_TABLE: '', LOG_LEVEL: '' }), defaults)
})

test('every variable is taken over', () => {
  assert.deepEqual(loadSettings({
    DATA_DIR: '/var/lib/streams',
    HOST: '::1',
    PORT: '0',
    ALLOWED_HOSTS: 'a.example.com, [fe80::1]',
    CORS_ORIGINS: 'https://app.example.com,http://localhost:3000',
    AUTH: 'tokens,jwt',
    ...jwtVariables,
    JWT_SCOPE_CLAIM: 'https://example.com/grants',
    LOG_LEVEL: 'silent',
    MAX_CONNECTIONS: '7',
    MAX_BUFFERED_BYTES: '33333333333',
    MAX_FOLLOWERS: '5',
    RATE_LIMIT_ADDRESS: '100',
    TRUSTED_PROXIES: '10.0.0.0/8, ::1,fd00::/8,127.0.0.1',
    COMPRESSION: 'gzip',
    LINGER_MS: '50',
    AUTO_CREATE_TOPICS: 'false',
    RETENTION_MS: '9007199254740991',
    RETENTION_BYTES: '1000000000000',
    METRICS: 'off',
    METRICS_TOPICS: '7',
    SWEEP_INTERVAL_MS: '0'
  }), {
    storage: { kind: 'folder', path: '/var/lib/streams' },
    host: '::1',
    port: 0,
    servedHosts: ['localhost', '127.0.0.1', '[::1]', '[::1]', 'a.example.com', '[fe80::1]'],
    corsOrigins: ['https://app.example.com', 'http://localhost:3000'],
    access: { kind: 'bearer', tokens: true, jwt: { ...jwt, scopeClaim: 'https://example.com/grants' } },
    logLevel: 'silent',
    connectionsMax: 7,
    bufferedBytesMax: 33_333_333_333,
    followersMax: 5,
    addressRate: 100,
    trustedProxies: ['10.0.0.0/8', '::1', 'fd00::/8', '127.0.0.1'],
    compression: 'gzip',
    lingerMs: 50,
    createsTopics: false,
    retention: { retentionMs: Number.MAX_SAFE_INTEGER, retentionBytes: 1_000_000_000_000 },
    metrics: false,
    metricTopicsMax: 7,
    sweepIntervalMs: 0,
    traces: false
  })
})

const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }
const tracesOf: Array<[environment: Record<string, string>, traces: boolean]> = [
  [collector, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, true],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none' }, false],
  [{ ...collector, OTEL_TRACES_EXPORTER: 'none' }, false],
  [{ ...collector, OTEL_TRACES_EXPORTER: '' }, true],
  [{ ...collector, OTEL_SDK_DISABLED: 'TRUE' }, false],
  [{ ...collector, OTEL_SDK_DISABLED: 'false' }, true],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
  [{ OTEL_SERVICE_NAME: 'orders', OTEL_TRACES_SAMPLER: 'always_on', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1' }, false]
]

for (const [environment, traces] of tracesOf) {
  test(`traces are ${traces ? 'on' : 'off'} with ${JSON.stringify(environment)}`, () => {
    assert.equal(loadSettings(environment).traces, traces)
  })
}

const names = { BUCKET_NAME: 'my-bucket', COUNTERS_TABLE: 'my-table' }
const aws = { kind: 'aws', bucket: 'my-bucket', table: 'my-table' }
const nowhere = { region: undefined, s3Endpoint: undefined, dynamoEndpoint: undefined }

test('the storage is S3 and DynamoDB if they are named, otherwise a folder, or memory', () => {
  const region = 'eu-central-1'
  const [all, s3, dynamo] = ['http://localhost:4566', 'http://localhost:9001', 'http://localhost:8000']
  const cases: Array<[Record<string, string>, object]> = [
    [{ DATA_DIR: ':memory:' }, { kind: 'memory' }],
    [{ DATA_DIR: 'x', AWS_REGION: region }, { kind: 'folder', path: 'x' }],
    [{ ...names, DATA_DIR: ':memory:' }, { ...aws, ...nowhere }],
    [{ ...names, AWS_REGION: region, AWS_ENDPOINT_URL: all }, { ...aws, region, s3Endpoint: all, dynamoEndpoint: all }],
    [{ ...names, AWS_ENDPOINT_URL: all, AWS_ENDPOINT_URL_S3: s3 }, { ...aws, ...nowhere, s3Endpoint: s3, dynamoEndpoint: all }],
    [
      { ...names, AWS_ENDPOINT_URL_S3: s3, AWS_ENDPOINT_URL_DYNAMODB: dynamo },
      { ...aws, ...nowhere, s3Endpoint: s3, dynamoEndpoint: dynamo }
    ]
  ]
  for (const [environment, storage] of cases) assert.deepEqual(loadSettings(environment), { ...defaults, storage })
})

const originsExpected = 'CORS_ORIGINS: expected origins such as https://app.example.com, separated by commas, or *, got'

const wrong: Array<[Record<string, string>, string]> = [
  [{ PORT: 'abc' }, 'PORT: expected a whole number from 0 to 65535, got "abc"'],
  [{ PORT: '65536' }, 'PORT: expected a whole number from 0 to 65535, got "65536"'],
  [{ PORT: '1e3' }, 'PORT: expected a whole number from 0 to 65535, got "1e3"'],
  [{ PORT: '-1' }, 'PORT: expected a whole number from 0 to 65535, got "-1"'],
  [{ MAX_CONNECTIONS: '0' }, 'MAX_CONNECTIONS: expected a whole number from 1 to 1000000, got "0"'],
  [{ MAX_BUFFERED_BYTES: '1' }, 'MAX_BUFFERED_BYTES: expected a whole number from 16777216 to 68719476736, got "1"'],
  [{ MAX_FOLLOWERS: '0' }, 'MAX_FOLLOWERS: expected a whole number from 1 to 1000000, got "0"'],
  [{ RATE_LIMIT_ADDRESS: '0' }, 'RATE_LIMIT_ADDRESS: expected a whole number from 1 to 1000000, got "0"'],
  ...['10.0.0.0/33', '10.0.0.0/0', '10.0.0/8', '::1/129', 'fe80::1::', '10.0.0.1,', 'proxy', '1.2.3.4/']
    .map((text): [Record<string, string>, string] => [
      { TRUSTED_PROXIES: text },
      `TRUSTED_PROXIES: expected IP addresses or networks such as 10.0.0.0/8, separated by commas, got "${text}"`
    ]),
  [{ LINGER_MS: '1001' }, 'LINGER_MS: expected a whole number from 0 to 1000, got "1001"'],
  [{ AUTO_CREATE_TOPICS: 'no' }, 'AUTO_CREATE_TOPICS: expected true or false, got "no"'],
  [{ RETENTION_MS: '999' }, 'RETENTION_MS: expected a whole number from 1000 to 9007199254740991, got "999"'],
  [{ RETENTION_MS: '7d' }, 'RETENTION_MS: expected a whole number from 1000 to 9007199254740991, got "7d"'],
  [{ RETENTION_BYTES: '0' }, 'RETENTION_BYTES: expected a whole number from 1 to 9007199254740991, got "0"'],
  [{ SWEEP_INTERVAL_MS: '86400001' }, 'SWEEP_INTERVAL_MS: expected a whole number from 0 to 86400000, got "86400001"'],
  [{ HOST: 'a b' }, 'HOST: expected an IP address or a host name, got "a b"'],
  [
    { ALLOWED_HOSTS: 'example.com:9000' },
    'ALLOWED_HOSTS: expected host names or IP addresses without a port, separated by commas, got "example.com:9000"'
  ],
  [{ ALLOWED_HOSTS: 'a,,b' }, 'ALLOWED_HOSTS: expected host names or IP addresses without a port, separated by commas, got "a,,b"'],
  [{ CORS_ORIGINS: 'app.example.com' }, `${originsExpected} "app.example.com"`],
  [{ CORS_ORIGINS: 'https://app.example.com/' }, `${originsExpected} "https://app.example.com/"`],
  [{ CORS_ORIGINS: 'https://App.example.com' }, `${originsExpected} "https://App.example.com"`],
  [{ CORS_ORIGINS: 'https://app.example.com,*' }, `${originsExpected} "https://app.example.com,*"`],
  [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, got "loud"'],
  [{ COMPRESSION: 'lzma' }, 'COMPRESSION: expected one of auto, none, gzip, zstd, got "lzma"'],
  [{ AWS_ENDPOINT_URL: 'localhost:4566' }, 'AWS_ENDPOINT_URL: expected a URL that begins with http:// or https://, got "localhost:4566"'],
  [{ BUCKET_NAME: 'bucket' }, 'COUNTERS_TABLE: expected the name of a DynamoDB table because BUCKET_NAME is set, got nothing'],
  [{ COUNTERS_TABLE: 'table' }, 'BUCKET_NAME: expected the name of a general purpose S3 bucket because COUNTERS_TABLE is set, got nothing'],
  [{ BUCKET_NAME: 'No_Bucket', COUNTERS_TABLE: 'table' }, 'BUCKET_NAME: expected the name of a general purpose S3 bucket, got "No_Bucket"'],
  ...['b--euc1-az1--x-s3', 'b--euc1-az1--xa-s3', 'b--table-s3'].map((bucket): [Record<string, string>, string] => (
    [{ BUCKET_NAME: bucket, COUNTERS_TABLE: 'table' }, `BUCKET_NAME: expected the name of a general purpose S3 bucket, got "${bucket}"`])),
  [{ BUCKET_NAME: 'No_Bucket' }, 'BUCKET_NAME: expected the name of a general purpose S3 bucket, got "No_Bucket"\n' +
    'COUNTERS_TABLE: expected the name of a DynamoDB table because BUCKET_NAME is set, got nothing'],
  [{ AWS_ENDPOINT_URL_S3: 'minio:9000' }, 'AWS_ENDPOINT_URL_S3: expected a URL that begins with http:// or https://, got "minio:9000"'],
  ...['true', 'NONE', 'token', 'jwt,tokens', 'tokens, jwt', 'none,tokens'].map((auth): [Record<string, string>, string] => (
    [{ AUTH: auth }, `AUTH: expected one of none, tokens, jwt, "tokens,jwt", platform, got "${auth}"`])),
  [{ AUTH: 'jwt', JWT_ISSUER: 'a' }, 'JWT_AUDIENCE: expected the aud of the JWTs, such as https://streams.example.com because AUTH is ' +
    'jwt, got nothing\nJWT_JWKS_URL: expected a URL that begins with https://, or with http:// on a loopback address because AUTH is ' +
    'jwt, got nothing'],
  [{ JWT_ISSUER: 'a' }, 'AUTH: expected jwt or "tokens,jwt" because JWT_ISSUER is set, got nothing'],
  [{ AUTH: 'tokens', JWT_AUDIENCE: 'a' }, 'AUTH: expected jwt or "tokens,jwt" because JWT_AUDIENCE is set, got tokens'],
  ...['http://a.example.com/jwks', 'http://127.0.0.1.example.com/jwks', 'https://user:secret@a.example.com/jwks', 'ftp://a/b', 'jwks']
    .map((url): [Record<string, string>, string] => ([{ ...jwtVariables, AUTH: 'jwt', JWT_JWKS_URL: url },
      `JWT_JWKS_URL: expected a URL that begins with https://, or with http:// on a loopback address, got "${url}"`])),
  [{ JWT_SCOPE_CLAIM: 'a b' },
    'JWT_SCOPE_CLAIM: expected the name of a claim, such as scope, scp, permissions or https://example.com/scope, got "a b"'],
  [{ PORT: 'x', LOG_LEVEL: 'y' }, 'PORT: expected a whole number from 0 to 65535, got "x"\n' +
    'LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, got "y"']
]

for (const [environment, message] of wrong) {
  test(`${JSON.stringify(environment)} stops the start`, () => {
    assert.throws(() => loadSettings(environment), new SettingsError(message))
  })
}

const authExpected = 'one of none, tokens, jwt, "tokens,jwt", platform'

test('AUTH names how clients prove who they are', () => {
  const accesses: Array<[Record<string, string>, Settings['access']]> = [
    [{ AUTH: '' }, undefined],
    [{ AUTH: 'none' }, { kind: 'none' }],
    [{ AUTH: 'platform' }, { kind: 'platform' }],
    [{ AUTH: 'tokens' }, { kind: 'bearer', tokens: true, jwt: undefined }],
    [{ AUTH: 'jwt', ...jwtVariables }, { kind: 'bearer', tokens: false, jwt }],
    [{ AUTH: 'tokens,jwt', ...jwtVariables }, { kind: 'bearer', tokens: true, jwt }],
    ...['http://127.0.0.1:80/jwks', 'http://localhost/jwks', 'http://[::1]:1/jwks'].map((url): typeof accesses[number] => (
      [{ AUTH: 'jwt', ...jwtVariables, JWT_JWKS_URL: url }, { kind: 'bearer', tokens: false, jwt: { ...jwt, jwksUrl: url } }]))
  ]
  for (const [environment, access] of accesses) assert.deepEqual(loadSettings(environment).access, access, JSON.stringify(environment))
})

test('a server on an address that others can reach starts only when AUTH says how', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost', 'LOCALHOST']) {
    assert.deepEqual(loadServerSettings({ HOST: host }).access, { kind: 'none' }, host)
  }
  const others = ['0.0.0.0', '::', '192.168.1.7', 'a.example.com', '::ffff:127.0.0.1', '127.0.0.1.example.com', 'localhost.local']
  for (const host of others) {
    assert.throws(() => loadServerSettings({ HOST: host }), new SettingsError(
      `AUTH: expected a value because HOST is ${host}, where other machines can reach the server, got nothing. ` +
      'Set AUTH=tokens, and make the first token with `npm run token -- create --name admin --allow admin:*`; or set AUTH=none, and ' +
      'everybody who can reach the port can read, write and delete everything'))
    assert.deepEqual(loadServerSettings({ HOST: host, AUTH: 'none' }).access, { kind: 'none' })
    assert.deepEqual(loadServerSettings({ HOST: host, AUTH: 'tokens' }).access, { kind: 'bearer', tokens: true, jwt: undefined })
  }
  assert.throws(() => loadServerSettings({ AUTH: 'platform' }), new SettingsError(
    'AUTH: expected one of none, tokens, jwt, "tokens,jwt", got platform, which is for AWS Lambda: there, events say who was ' +
    'authenticated. If a proxy authenticates clients, and nobody else can reach the port, set AUTH=none'))
})

test('a function starts only when AUTH says how', () => {
  assert.throws(() => loadLambdaSettings({}), new SettingsError(
    `AUTH: expected ${authExpected}, got nothing. On AWS Lambda it must be set: AUTH=platform if the API or the function URL ` +
    'authenticates clients; AUTH=tokens if this service does; AUTH=none, and everybody who can reach the URL can read, write and ' +
    'delete everything'))
  assert.deepEqual(loadLambdaSettings({ AUTH: 'platform' }).access, { kind: 'platform' })
})

test('on Lambda a data folder stops the start', () => {
  const lambda = { AWS_LAMBDA_FUNCTION_NAME: 'streams', AUTH: 'none' }
  const functionDefaults = { ...defaults, access: { kind: 'none' } }
  for (const [given, shown] of [[{}, './data'], [{ DATA_DIR: '/tmp/data' }, '/tmp/data']] as const) {
    assert.throws(() => loadLambdaSettings({ ...lambda, ...given }), new SettingsError(
      'DATA_DIR: expected BUCKET_NAME and COUNTERS_TABLE in its place on AWS Lambda, where each environment has a folder of its own ' +
      `(or :memory:, to try it out), got "${shown}"`))
  }
  assert.deepEqual(loadLambdaSettings({ ...lambda, DATA_DIR: ':memory:' }), { ...functionDefaults, storage: { kind: 'memory' } })
  const folder = { ...lambda, ...names, DATA_DIR: '/tmp/data' }
  assert.deepEqual(loadLambdaSettings(folder), { ...functionDefaults, storage: { ...aws, ...nowhere } })
  assert.deepEqual(loadLambdaSettings({ AUTH: 'none' }), functionDefaults, 'elsewhere as ever')
})
