import { isIP } from 'node:net'
import type { Static, TSchema } from '@sinclair/typebox'
import type { Retention } from '../domain/catalog/catalog.ts'
import { type AccessSettings, accessOf, accessOfFunction, accessOfServer } from './access/settings.ts'
import { checkSetting } from './check-setting.ts'
import { isLoopback, loopbackNames } from './http/host-check.ts'
import { show } from './http/validation.ts'
import { type compressions, type levels, proxiesExpected, SettingsSchema } from './settings.schema.ts'

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
    if (!checkSetting(name, schema, value)) wrong.push(`${name}: expected ${schema['x-expected']}, got ${show.text(text)}`)
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
