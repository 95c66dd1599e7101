import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadLambdaSettings, loadSettings, SettingsError } from '../../src/app/config.ts'

const defaults = {
  DATA_DIR: './data',
  HOST: '127.0.0.1',
  PORT: 9000,
  LOG_LEVEL: 'info',
  COMPRESSION: 'auto',
  LINGER_MS: 0,
  MAX_CONNECTIONS: 10_000,
  MAX_BUFFERED_BYTES: 268_435_456
}

test('without variables the defaults hold', () => {
  assert.deepEqual(loadSettings({}), defaults)
})

test('an empty variable counts as unset', () => {
  assert.deepEqual(loadSettings({ PORT: '', BUCKET_NAME: '', COUNTERS_TABLE: '', LOG_LEVEL: '' }), defaults)
})

test('every variable is taken over, and no other', () => {
  const given = {
    BUCKET_NAME: 'my-bucket',
    COUNTERS_TABLE: 'my-table',
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: 'http://localhost:4566',
    AWS_ENDPOINT_URL_S3: 'http://localhost:9001',
    AWS_ENDPOINT_URL_DYNAMODB: 'http://localhost:8000',
    DATA_DIR: ':memory:',
    HOST: '::1',
    ALLOWED_HOSTS: 'a.example.com, [fe80::1]',
    CORS_ORIGINS: 'https://app.example.com,http://localhost:3000',
    LOG_LEVEL: 'silent',
    COMPRESSION: 'gzip'
  }
  assert.deepEqual(loadSettings({
    ...given,
    PORT: '0',
    LINGER_MS: '50',
    MAX_CONNECTIONS: '7',
    MAX_BUFFERED_BYTES: '33333333333',
    PATH: '/bin'
  }),
  { ...given, PORT: 0, LINGER_MS: 50, MAX_CONNECTIONS: 7, MAX_BUFFERED_BYTES: 33_333_333_333 })
})

const originsExpected = 'CORS_ORIGINS: expected origins such as https://app.example.com, separated by commas, or *, got'

const wrong: Array<[Record<string, string>, string]> = [
  [{ PORT: 'abc' }, 'PORT: expected a whole number from 0 to 65535, got "abc"'],
  [{ PORT: '65536' }, 'PORT: expected a whole number from 0 to 65535, got "65536"'],
  [{ PORT: '1e3' }, 'PORT: expected a whole number from 0 to 65535, got "1e3"'],
  [{ PORT: '-1' }, 'PORT: expected a whole number from 0 to 65535, got "-1"'],
  [{ MAX_CONNECTIONS: '0' }, 'MAX_CONNECTIONS: expected a whole number from 1 to 1000000, got "0"'],
  [{ MAX_BUFFERED_BYTES: '1' }, 'MAX_BUFFERED_BYTES: expected a whole number from 16777216 to 68719476736, got "1"'],
  [{ LINGER_MS: '1001' }, 'LINGER_MS: expected a whole number from 0 to 1000, got "1001"'],
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
  assert.deepEqual(loadLambdaSettings({ ...lambda, DATA_DIR: ':memory:' }), { ...defaults, DATA_DIR: ':memory:' })
  const stores = { BUCKET_NAME: 'my-bucket', COUNTERS_TABLE: 'my-table' }
  assert.deepEqual(loadLambdaSettings({ ...lambda, ...stores, DATA_DIR: '/tmp/data' }), { ...defaults, ...stores, DATA_DIR: '/tmp/data' })
  assert.deepEqual(loadLambdaSettings({}), defaults, 'elsewhere as ever')
})
