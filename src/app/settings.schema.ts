import { Type } from '@sinclair/typebox'
import { defaultLimits } from '../domain/limits.ts'
import { AccessSettingsSchema } from './access/settings.ts'

const oneOf = (...names: string[]): string => `one of ${names.join(', ')}`
export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const hostName = '([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])'
/** As browsers send it: lower case, no path. */
const origin = 'https?://([a-z0-9._-]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?'
const list = (item: string): string => `${item}( *, *${item})*`
export const compressions = ['auto', 'none', 'gzip', 'zstd'] as const

export const proxiesExpected = 'IP addresses or networks such as 10.0.0.0/8, separated by commas'

const url = { pattern: '^https?://[^\\s/]+', 'x-expected': 'a URL that begins with http:// or https://' }

/**
 * The environment variables. No other files than this one and config.ts know their names, but for error messages. An empty variable
 * counts as unset.
 */
export const SettingsSchema = Type.Object({
  BUCKET_NAME: Type.Optional(Type.String({
    description: 'The S3 bucket for messages; with COUNTERS_TABLE it selects S3 and DynamoDB',
    // Directory buckets and their access points, and table buckets, have these suffixes.
    pattern: '^(?!.*--(x|xa|table)-s3$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
    'x-expected': 'the name of a general purpose S3 bucket'
  })),
  COUNTERS_TABLE: Type.Optional(Type.String({
    description: 'The DynamoDB table for offsets; partition key `pk` (string)',
    pattern: '^[A-Za-z0-9_.-]{3,255}$',
    'x-expected': 'the name of a DynamoDB table'
  })),
  AWS_REGION: Type.Optional(Type.String({
    description: 'The AWS region of both',
    pattern: '^[a-z0-9-]{3,30}$',
    'x-expected': 'an AWS region such as eu-central-1'
  })),
  AWS_ENDPOINT_URL: Type.Optional(Type.String({
    description: 'Another endpoint than that of AWS: LocalStack and compatible services',
    ...url
  })),
  AWS_ENDPOINT_URL_S3: Type.Optional(Type.String({
    description: 'The same for S3 alone; it goes before AWS_ENDPOINT_URL',
    ...url
  })),
  AWS_ENDPOINT_URL_DYNAMODB: Type.Optional(Type.String({
    description: 'The same for DynamoDB alone; it goes before AWS_ENDPOINT_URL',
    ...url
  })),
  DATA_DIR: Type.String({
    description: 'The folder of the embedded store, used when no bucket is named; `:memory:` keeps everything in memory',
    default: './data',
    minLength: 1,
    'x-expected': 'a folder, or :memory:'
  }),
  HOST: Type.String({
    description: 'The address to listen on',
    default: '127.0.0.1',
    pattern: '^[A-Za-z0-9.:_-]+$',
    'x-expected': 'an IP address or a host name'
  }),
  PORT: Type.Integer({
    description: 'The port to listen on; 0 takes a free one',
    default: 9000,
    minimum: 0,
    maximum: 65535,
    'x-expected': 'a whole number from 0 to 65535'
  }),
  ALLOWED_HOSTS: Type.Optional(Type.String({
    description: 'Names in the Host header that are served, beside those of the loopback interface; separated by commas, without ports. ' +
      'On other addresses than loopback, all names are served if it is not set',
    pattern: `^${list(hostName)}$`,
    'x-expected': 'host names or IP addresses without a port, separated by commas'
  })),
  CORS_ORIGINS: Type.Optional(Type.String({
    description: 'The origins of web pages that may use the service in browsers, separated by commas, or `*` for all',
    pattern: `^(\\*|${list(origin)})$`,
    'x-expected': 'origins such as https://app.example.com, separated by commas, or *'
  })),
  ...AccessSettingsSchema.properties,
  LOG_LEVEL: Type.Union(levels.map((level) => Type.Literal(level)), {
    description: `The least level that is logged: ${levels.join(', ')}`,
    default: 'info',
    'x-expected': oneOf(...levels)
  }),
  MAX_CONNECTIONS: Type.Integer({
    description: 'Connections at one time; more are closed at once. Never more than the process may have open files',
    default: 10_000,
    minimum: 1,
    maximum: 1_000_000,
    'x-expected': 'a whole number from 1 to 1000000'
  }),
  MAX_BUFFERED_BYTES: Type.Integer({
    description: 'Bytes of bodies and answers held in memory at one time, all clients together; requests beyond it wait, ' +
      'then get 503 `server_busy`',
    default: 268_435_456,
    minimum: 16 * 1024 * 1024,
    maximum: 64 * 1024 * 1024 * 1024,
    'x-expected': 'a whole number from 16777216 to 68719476736'
  }),
  MAX_FOLLOWERS: Type.Integer({
    description: 'Streams, long polls and waiting receives at one time; more get 503 `too_many_followers`. No effect on Lambda',
    default: 2_000,
    minimum: 1,
    maximum: 1_000_000,
    'x-expected': 'a whole number from 1 to 1000000'
  }),
  RATE_LIMIT: Type.Optional(Type.Integer({
    description: 'Requests a second of one token or subject, in each process, unless the token has a rate of its own; more get 429 ' +
      '`rate_limited`. After a pause, as many may come at once. Not set: unlimited',
    minimum: 1,
    maximum: 1_000_000,
    'x-expected': 'a whole number from 1 to 1000000'
  })),
  RATE_LIMIT_ADDRESS: Type.Optional(Type.Integer({
    description: 'Requests a second of one address, /health and /ready apart; more get 429 `rate_limited`. After a pause, as many ' +
      'may come at once. Not set: unlimited. No effect on Lambda',
    minimum: 1,
    maximum: 1_000_000,
    'x-expected': 'a whole number from 1 to 1000000'
  })),
  TRUSTED_PROXIES: Type.Optional(Type.String({
    description: 'Addresses or networks of proxies, separated by commas. Of a request from one of them, the address is the last in ' +
      '`X-Forwarded-For` that is not one of them',
    pattern: `^${list('[0-9A-Fa-f.:]+(/[0-9]{1,3})?')}$`,
    'x-expected': proxiesExpected
  })),
  COMPRESSION: Type.Union(compressions.map((name) => Type.Literal(name)), {
    description: 'How stored messages are compressed: auto (zstd on S3, none on the embedded store), none, gzip, zstd',
    default: 'auto',
    'x-expected': oneOf(...compressions)
  }),
  LINGER_MS: Type.Integer({
    description: 'How long a message may wait for others to be stored with; fewer puts to pay for, but later answers',
    default: 0,
    minimum: 0,
    maximum: 1_000,
    'x-expected': 'a whole number from 0 to 1000'
  }),
  AUTO_CREATE_TOPICS: Type.Union([Type.Literal('true'), Type.Literal('false')], {
    description: 'Whether the first message creates a topic. If not, an append to a topic that does not exist is refused ' +
      'with 404 `topic_not_found`',
    default: 'true',
    'x-expected': 'true or false'
  }),
  RETENTION_MS: Type.Optional(Type.Integer({
    description: 'Messages that were stored longer ago, in ms, are removed, in topics without a `retention_ms` of their own. ' +
      'Not set: never',
    minimum: defaultLimits.retentionMinMs,
    maximum: Number.MAX_SAFE_INTEGER,
    'x-expected': `a whole number from ${defaultLimits.retentionMinMs} to ${Number.MAX_SAFE_INTEGER}`
  })),
  RETENTION_BYTES: Type.Optional(Type.Integer({
    description: 'The oldest messages are removed while a topic has more bytes, in topics without a `retention_bytes` of their own. ' +
      'Not set: never',
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    'x-expected': `a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`
  })),
  METRICS: Type.Union([Type.Literal('on'), Type.Literal('off')], {
    description: 'Whether the service counts what it does: for `GET /metrics`, and on Lambda for CloudWatch',
    default: 'on',
    'x-expected': 'on or off'
  }),
  METRICS_TOPICS: Type.Integer({
    description: 'Topics that have a label of their own in the metrics, and consumer groups: the first ones that are used. ' +
      'All others share the label `(other)`',
    default: defaultLimits.metricTopicsMax,
    minimum: 0,
    maximum: 10_000,
    'x-expected': 'a whole number from 0 to 10000'
  }),
  SWEEP_INTERVAL_MS: Type.Integer({
    description: 'Time in ms between two sweeps, which remove what retention allows; 0: this server does not sweep',
    default: 300_000,
    minimum: 0,
    maximum: 86_400_000,
    'x-expected': 'a whole number from 0 to 86400000'
  })
})
