import { isIP } from 'node:net'
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Retention } from '../domain/catalog/catalog.ts'
import { defaultLimits } from '../domain/limits.ts'
import { type AccessSettings, accessOf, accessOfFunction, accessOfServer, AccessSettingsSchema } from './access/settings.ts'
import { isLoopback, loopbackNames } from './http/host-check.ts'
import { show } from './http/validation.ts'

const oneOf = (...names: string[]): string => `one of ${names.join(', ')}`
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const hostName = '([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])'
/** As browsers send it: lower case, no path. */
const origin = 'https?://([a-z0-9._-]+|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?'
const list = (item: string): string => `${item}( *, *${item})*`
const compressions = ['auto', 'none', 'gzip', 'zstd'] as const

const proxiesExpected = 'IP addresses or networks such as 10.0.0.0/8, separated by commas'

const url = { pattern: '^https?://[^\\s/]+', 'x-expected': 'a URL that begins with http:// or https://' }

/** The environment variables. No other file knows their names, but for error messages. An empty variable counts as unset. */
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

type Variables = Static<typeof SettingsSchema>
type Environment = Readonly<Record<string, string | undefined>>

/** S3 and DynamoDB. Without a region or an endpoint, the SDK finds them by its own rules. */
export interface AwsStorage {
  readonly kind: 'aws'
  readonly bucket: string
  readonly table: string
  readonly region: string | undefined
  readonly s3Endpoint: string | undefined
  readonly dynamoEndpoint: string | undefined
}

/** The embedded store. */
export interface FolderStorage { readonly kind: 'folder', readonly path: string }

export type StorageSettings = AwsStorage | FolderStorage | { readonly kind: 'memory' }

export interface Settings {
  readonly storage: StorageSettings
  readonly host: string
  readonly port: number
  /** The `Host` names that are served, in lower case and without a port; `undefined`: all. */
  readonly servedHosts: readonly string[] | undefined
  readonly corsOrigins: readonly string[]
  /** `undefined`: it is not set. */
  readonly access: AccessSettings | undefined
  readonly logLevel: typeof levels[number]
  readonly connectionsMax: number
  readonly bufferedBytesMax: number
  readonly followersMax: number
  /** Requests a second of one address; `undefined`: unlimited. */
  readonly addressRate: number | undefined
  /** Requests a second of one token or subject; `undefined`: unlimited. */
  readonly principalRate: number | undefined
  /** Addresses and networks. */
  readonly trustedProxies: readonly string[]
  /** `auto`: what is best for the storage. */
  readonly compression: typeof compressions[number]
  readonly lingerMs: number
  /** Whether a topic is created by its first message. */
  readonly createsTopics: boolean
  /** For topics without their own. */
  readonly retention: Retention
  readonly metrics: boolean
  /** Topics with a label of their own in the metrics. */
  readonly metricTopicsMax: number
  /** 0: never. */
  readonly sweepIntervalMs: number
  /** Whether the standard variables of OpenTelemetry ask for traces. Only the server makes them. */
  readonly traces: boolean
}

/** The message has one line for each invalid variable: `NAME: expected …, got …`. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** @throws SettingsError */
export function loadSettings (environment: Environment): Settings {
  const wrong: string[] = []
  const variables = readVariables(environment, wrong)
  const storage = storageOf(variables, wrong)
  const access = accessOf(variables, wrong)
  const trustedProxies = proxiesOf(variables, wrong)
  if (wrong.length > 0) throw new SettingsError(wrong.join('\n'))
  return {
    storage,
    host: variables.HOST,
    port: variables.PORT,
    servedHosts: servedHosts(variables),
    corsOrigins: listOf(variables.CORS_ORIGINS),
    access,
    logLevel: variables.LOG_LEVEL,
    connectionsMax: variables.MAX_CONNECTIONS,
    bufferedBytesMax: variables.MAX_BUFFERED_BYTES,
    followersMax: variables.MAX_FOLLOWERS,
    addressRate: variables.RATE_LIMIT_ADDRESS,
    principalRate: variables.RATE_LIMIT,
    trustedProxies,
    compression: variables.COMPRESSION,
    lingerMs: variables.LINGER_MS,
    createsTopics: variables.AUTO_CREATE_TOPICS === 'true',
    retention: { retentionMs: variables.RETENTION_MS, retentionBytes: variables.RETENTION_BYTES },
    metrics: variables.METRICS === 'on',
    metricTopicsMax: variables.METRICS_TOPICS,
    sweepIntervalMs: variables.SWEEP_INTERVAL_MS,
    traces: asksForTraces(environment)
  }
}

/** The settings of a process that answers requests. */
export interface ServiceSettings extends Settings { readonly access: AccessSettings }

/** The settings of a server, which is open only on a loopback address if nobody has said otherwise. @throws SettingsError */
export function loadServerSettings (environment: Environment): ServiceSettings {
  const settings = loadSettings(environment)
  return withAccess(settings, accessOfServer(settings.access, settings.host))
}

/**
 * Loads the settings on Lambda. A data folder is refused: each environment would have its own, and lose it after minutes.
 * @throws SettingsError
 */
export function loadLambdaSettings (environment: Environment): ServiceSettings {
  const settings = loadSettings(environment)
  const { storage } = settings
  if (environment['AWS_LAMBDA_FUNCTION_NAME'] && storage.kind === 'folder') {
    throw new SettingsError('DATA_DIR: expected BUCKET_NAME and COUNTERS_TABLE in its place on AWS Lambda, where each environment has ' +
      `a folder of its own (or :memory:, to try it out), got ${show.text(storage.path)}`)
  }
  return withAccess(settings, accessOfFunction(settings.access))
}

function withAccess (settings: Settings, access: AccessSettings | string): ServiceSettings {
  if (typeof access === 'string') throw new SettingsError(access)
  return { ...settings, access }
}

/**
 * A collector is named, or an exporter. OpenTelemetry reads these and its other variables itself
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 */
function asksForTraces (environment: Environment): boolean {
  const {
    OTEL_SDK_DISABLED: disabled, OTEL_TRACES_EXPORTER: exporter,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: tracesEndpoint
  } = environment
  if (disabled?.trim().toLowerCase() === 'true' || exporter?.trim() === 'none') return false
  return [exporter, endpoint, tracesEndpoint].some((value) => value !== undefined && value !== '')
}

/** The variables with their defaults. An invalid one stays as it is, and adds a line to `wrong`. */
function readVariables (environment: Environment, wrong: string[]): Variables {
  const variables: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries<TSchema>(SettingsSchema.properties)) {
    const text = environment[name]
    if (text === undefined || text === '') {
      if (schema.default !== undefined) variables[name] = schema.default
      continue
    }
    const value = schema['type'] === 'integer' && /^[0-9]{1,16}$/.test(text) ? Number(text) : text
    variables[name] = value
    if (!Value.Check(schema, value)) wrong.push(`${name}: expected ${schema['x-expected']}, got ${show.text(text)}`)
  }
  return variables as Variables
}

function storageOf (variables: Variables, wrong: string[]): StorageSettings {
  const { BUCKET_NAME: bucket, COUNTERS_TABLE: table, DATA_DIR: path, AWS_REGION: region, AWS_ENDPOINT_URL: endpoint } = variables
  if (bucket !== undefined && table !== undefined) {
    const { AWS_ENDPOINT_URL_S3: s3Endpoint = endpoint, AWS_ENDPOINT_URL_DYNAMODB: dynamoEndpoint = endpoint } = variables
    return { kind: 'aws', bucket, table, region, s3Endpoint, dynamoEndpoint }
  }
  if (bucket !== undefined) wrong.push(missing('COUNTERS_TABLE', 'BUCKET_NAME'))
  if (table !== undefined) wrong.push(missing('BUCKET_NAME', 'COUNTERS_TABLE'))
  return path === ':memory:' ? { kind: 'memory' } : { kind: 'folder', path }
}

function missing (name: 'BUCKET_NAME' | 'COUNTERS_TABLE', because: string): string {
  return `${name}: expected ${SettingsSchema.properties[name]['x-expected']} because ${because} is set, got nothing`
}

/**
 * On a loopback address the server is for this machine only. But a web page can make its own name resolve to that address, and
 * then read and write (DNS rebinding). So only the names of the machine and those in ALLOWED_HOSTS are served.
 */
function servedHosts ({ HOST: host, ALLOWED_HOSTS: allowed }: Variables): readonly string[] | undefined {
  if (!isLoopback(host) && allowed === undefined) return undefined
  return [...loopbackNames, host.includes(':') ? `[${host}]` : host, ...listOf(allowed)].map((name) => name.toLowerCase())
}

function proxiesOf ({ TRUSTED_PROXIES: text }: Variables, wrong: string[]): string[] {
  const networks = listOf(text)
  const isNetwork = (network: string): boolean => {
    const [address = '', bits = '1'] = network.split('/')
    const family = isIP(address)
    return family !== 0 && Number(bits) >= 1 && Number(bits) <= (family === 4 ? 32 : 128)
  }
  const known = wrong.some((line) => line.startsWith('TRUSTED_PROXIES:'))
  if (!known && !networks.every(isNetwork)) wrong.push(`TRUSTED_PROXIES: expected ${proxiesExpected}, got ${show.text(text!)}`)
  return networks
}

/** The items of a variable that is a list separated by commas. */
function listOf (text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').map((item) => item.trim())
}
