import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadLambdaSettings, loadSettings, type Settings, SettingsError } from '../../src/app/config.ts'

const defaults: Settings = {
  storage: { kind: 'folder', path: './data' },
  host: '127.0.0.1',
  port: 9000,
  servedHosts: ['localhost', '127.0.0.1', '[::1]', '127.0.0.1'],
  corsOrigins: [],
  logLevel: 'info',
  connectionsMax: 10_000,
  bufferedBytesMax: 268_435_456,
  followersMax: 2_000,
  addressRate: undefined,
  trustedProxies: [],
  compression: 'auto',
  lingerMs: 0,
  createsTopics: true,
  retention: { retentionMs: undefined, retentionBytes: undefined },
  metrics: true,
  metricTopicsMax: 100,
  sweepIntervalMs: 300_000
}

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
    sweepIntervalMs: 0
  })
})

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
  [{ PORT: 'x', LOG_LEVEL: 'y' }, 'PORT: expected a whole number from 0 to 65535, got "x"\n' +
    'LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, got "y"']
]

for (const [environment, message] of wrong) {
  test(`${JSON.stringify(environment)} stops the start`, () => {
    assert.throws(() => loadSettings(environment), new SettingsError(message))
  })
}

test('on Lambda a data folder stops the start', () => {
  const lambda = { AWS_LAMBDA_FUNCTION_NAME: 'streams' }
  for (const [given, shown] of [[{}, './data'], [{ DATA_DIR: '/tmp/data' }, '/tmp/data']] as const) {
    assert.throws(() => loadLambdaSettings({ ...lambda, ...given }), new SettingsError(
      'DATA_DIR: expected BUCKET_NAME and COUNTERS_TABLE in its place on AWS Lambda, where each environment has a folder of its own ' +
      `(or :memory:, to try it out), got "${shown}"`))
  }
  assert.deepEqual(loadLambdaSettings({ ...lambda, DATA_DIR: ':memory:' }), { ...defaults, storage: { kind: 'memory' } })
  assert.deepEqual(loadLambdaSettings({ ...lambda, ...names, DATA_DIR: '/tmp/data' }), { ...defaults, storage: { ...aws, ...nowhere } })
  assert.deepEqual(loadLambdaSettings({}), defaults, 'elsewhere as ever')
})
