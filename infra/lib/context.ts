/** The context (`-c name=value`, or `context` in cdk.json): which values there are, and what each may be. */
import { flag, type Kind, number, oneOf, record, secureUrl, show, text } from './values.ts'

/** API Gateway waits 29 s for a REST API and 30 s for an HTTP API. */
export const bufferedTimeoutMaxSeconds = 29
/** Lambda runs a function for at most 15 minutes, and API Gateway streams for as long. */
export const streamedTimeoutMaxSeconds = 900

/** Those that CloudWatch takes. */
const logDays = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653]

/** Variables of the service that have an effect on Lambda and that no other value of the context sets. */
export const settingNames = [
  'AUTO_CREATE_TOPICS', 'COMPRESSION', 'LINGER_MS', 'LOG_LEVEL', 'METRICS', 'METRICS_TOPICS', 'RATE_LIMIT', 'RETENTION_BYTES',
  'RETENTION_MS'
]

const arn = (service: string, example: string) => text(new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]+:[0-9]{12}:.+$`), example)
const host = text(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, 'a name such as streams.example.com')

export const contextKinds = {
  stage: text(/^[a-z][a-z0-9-]{0,19}$/, 'at most 20 lower case letters, digits and "-", the first a letter'),
  front: oneOf(['http', 'rest', 'url']),
  auth: oneOf(['tokens', 'jwt', 'tokens,jwt', 'platform', 'none']),
  jwtIssuer: text(/^\S{1,1000}$/, 'the iss of the tokens, such as https://login.example.com/'),
  jwtAudience: text(/^\S{1,1000}$/, 'the aud of the tokens, such as https://streams.example.com'),
  jwtJwksUrl: secureUrl,
  jwtScopeClaim: text(/^[A-Za-z0-9_.:/-]{1,200}$/, 'the name of a claim, such as scope or scp'),
  corsOrigins: text(/^(\*|https?:\/\/\S+( *, *https?:\/\/\S+)*)$/, 'origins such as https://app.example.com, separated by commas, or *'),
  settings: record(settingNames),
  memory: number(128, 10_240),
  timeout: number(1, streamedTimeoutMaxSeconds),
  concurrency: number(1, 10_000),
  rate: number(1, 100_000),
  burst: number(1, 100_000),
  accessLog: flag,
  logDays: { expected: `one of ${logDays.join(', ')}`, parse: (value) => logDays.find((days) => String(days) === String(value)) },
  domain: host,
  certificate: arn('acm', 'the ARN of a certificate (arn:aws:acm:…)'),
  zoneId: text(/^Z[A-Z0-9]+$/, 'the id of a hosted zone (Z…)'),
  zoneName: host,
  bucket: text(/^(?!.*--(x|xa|table)-s3$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a general purpose S3 bucket'),
  table: text(/^[A-Za-z0-9_.-]{3,255}$/, 'the name of a DynamoDB table'),
  tableIndex: flag,
  bucketKey: arn('kms', 'the ARN of a key (arn:aws:kms:…)'),
  removal: oneOf(['retain', 'destroy']),
  versioned: flag,
  expireDays: number(2, 36_500),
  sweepMinutes: number(1, 1_440),
  alarms: flag,
  alarmEmail: text(/^[^\s@]+@[^\s@]+$/, 'an e-mail address'),
  alarmCostPerDay: number(1, 1_000_000),
  alarmGroupLag: number(1, Number.MAX_SAFE_INTEGER),
  alarmAppendP99: number(1, 900_000),
  console: flag,
  bundle: text(/^.+$/, 'the folder that npm run bundle has made'),
  nag: flag
} satisfies Record<string, Kind<unknown>>

type Kinds = typeof contextKinds
export type Values = { readonly [Name in keyof Kinds]: ReturnType<Kinds[Name]['parse']> }

/**
 * The values of the context that are not the CDK's own, which have ":" or "/" in their names. An empty one counts as not set.
 * @param wrong gets a line for each value that is unknown or wrong
 */
export function readValues (context: Readonly<Record<string, unknown>>, wrong: string[]): Values {
  const values: Record<string, unknown> = {}
  for (const [name, given] of Object.entries(context)) {
    if (/[:/]/.test(name) || given === undefined || given === '') continue
    if (!Object.hasOwn(contextKinds, name)) {
      wrong.push(`${name}: is not known. Known are ${Object.keys(contextKinds).join(', ')}`)
      continue
    }
    const { expected, parse } = contextKinds[name as keyof Kinds]
    const value = parse(given)
    if (value === undefined) wrong.push(`${name}: expected ${expected}, got ${show(given)}`)
    values[name] = value
  }
  return values as unknown as Values
}
