/**
 * What the context asks for, checked as a whole.
 */
import { type Access, authNeeded, readAccess } from './access.ts'
import { bufferedTimeoutMaxSeconds, readValues, type Values } from './context.ts'

export type Front = 'http' | 'rest' | 'url'

/** Bucket and table that are there already, and that belong together. */
export interface ExistingStorage {
  readonly bucket: string
  readonly table: string
  /** Whether the table has the index that lists topics. Tables of other implementations lack it, so they are read as a whole. */
  readonly hasIndex: boolean
  /** ARN of the KMS key that encrypts the bucket, if it is one of your own. */
  readonly bucketKey: string | undefined
}

export interface NewStorage {
  /** What becomes of bucket and table when their stack is removed. */
  readonly removal: 'retain' | 'destroy'
  /** Whether S3 keeps deleted objects for 30 days. */
  readonly versioned: boolean
  /** Days after which S3 deletes objects of messages by itself; `undefined`: never. */
  readonly expireDays: number | undefined
}

export interface Domain {
  readonly name: string
  readonly certificateArn: string
  readonly zone: { readonly id: string, readonly name: string } | undefined
}

export interface Alarms {
  readonly email: string | undefined
  readonly costPerDayDollars: number
  readonly groupLagMessages: number
  readonly appendP99Ms: number
}

export interface Config {
  /** Appended to the names of the stacks; `undefined`: the names as they are. */
  readonly stage: string | undefined
  readonly front: Front
  readonly access: Access
  readonly storage: { readonly new: NewStorage } | { readonly existing: ExistingStorage }
  readonly domain: Domain | undefined
  readonly corsOrigins: string | undefined
  /** Other environment variables of the service. */
  readonly settings: Readonly<Record<string, string>>
  readonly memoryMiB: number
  readonly timeoutSeconds: number
  readonly reservedConcurrency: number | undefined
  /** Requests a second; `undefined` for a function URL, which has no such limit. */
  readonly throttle: { readonly rate: number, readonly burst: number } | undefined
  readonly accessLog: boolean
  readonly logDays: number
  readonly sweepMinutes: number
  readonly alarms: Alarms | undefined
  /** Whether the function serves the console. */
  readonly console: boolean
  /** The folder of the built function; `placeholder`: a function that only says that it has no code. */
  readonly bundle: string
}

/** The message has one line for each wrong value: `name: expected …, got …`. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * @param context all values; those with ":" or "/" in their names belong to the CDK
 * @throws ConfigError
 */
export function readConfig (context: Readonly<Record<string, unknown>>): Config {
  const wrong: string[] = []
  const values = readValues(context, wrong)
  const config = configOf(values, wrong)
  if (values.auth === undefined) wrong.push(authNeeded)
  if (wrong.length > 0) throw new ConfigError(wrong.join('\n'))
  return config
}

function configOf (values: Values, wrong: string[]): Config {
  const front = values.front ?? 'http'
  checkFront(front, values, wrong)
  checkConsole(values, wrong)
  return {
    stage: values.stage,
    front,
    access: readAccess(values, wrong),
    storage: storageOf(values, wrong),
    domain: domainOf(values, wrong),
    corsOrigins: values.corsOrigins,
    settings: values.settings ?? {},
    memoryMiB: values.memory ?? 1_024,
    timeoutSeconds: values.timeout ?? (front === 'http' ? 25 : 300),
    reservedConcurrency: values.concurrency,
    throttle: front === 'url' ? undefined : { rate: values.rate ?? 1_000, burst: values.burst ?? 1_000 },
    accessLog: values.accessLog ?? front === 'http',
    logDays: values.logDays ?? 30,
    sweepMinutes: values.sweepMinutes ?? 60,
    alarms: alarmsOf(values, wrong),
    console: values.console ?? false,
    bundle: values.bundle ?? (values.console === true ? 'dist/lambda-console' : 'dist/lambda')
  }
}

function checkConsole ({ console, auth, bundle }: Values, wrong: string[]): void {
  if (console !== true) return
  if (auth === 'platform') wrong.push('console: with auth=platform a browser cannot open it, because its requests are not signed')
  if (bundle !== undefined && bundle !== 'placeholder') wrong.push('console: has no effect on a function that bundle names')
}

function checkFront (front: Front, values: Values, wrong: string[]): void {
  if (front === 'http' && values.timeout !== undefined && values.timeout > bufferedTimeoutMaxSeconds) {
    wrong.push(`timeout: expected at most ${bufferedTimeoutMaxSeconds} with front=http, because API Gateway waits no longer, ` +
      `got ${values.timeout}`)
  }
  if (front !== 'url') return
  for (const name of ['rate', 'burst', 'domain'] as const) {
    if (values[name] !== undefined) wrong.push(`${name}: a function URL has none, use front=http or front=rest`)
  }
  if (values.accessLog === true) wrong.push('accessLog: a function URL has none, use front=http or front=rest')
  if (values.auth === 'platform' && values.corsOrigins !== undefined) {
    wrong.push('corsOrigins: with front=url and auth=platform, AWS refuses preflight requests of browsers: use front=http or front=rest')
  }
}

function storageOf (values: Values, wrong: string[]): Config['storage'] {
  const { bucket, table, removal = 'retain', versioned = false, expireDays } = values
  if (bucket === undefined && table === undefined) {
    for (const name of ['tableIndex', 'bucketKey'] as const) {
      if (values[name] !== undefined) wrong.push(`${name}: is for an existing bucket and table, so bucket and table must be set, too`)
    }
    return { new: { removal, versioned, expireDays } }
  }
  for (const name of ['removal', 'versioned', 'expireDays'] as const) {
    if (values[name] !== undefined) wrong.push(`${name}: an existing bucket and table are not changed, so it has no effect on them`)
  }
  // A new table would number from 1 again, over the objects of an existing bucket.
  if (table === undefined) wrong.push('table: is missing. A bucket and its table belong together')
  if (bucket === undefined) wrong.push('bucket: is missing. A bucket and its table belong together')
  const { bucketKey, tableIndex: hasIndex = true } = values
  return { existing: { bucket: bucket ?? '', table: table ?? '', hasIndex, bucketKey } }
}

function domainOf ({ domain: name, certificate: certificateArn, zoneId, zoneName }: Values, wrong: string[]): Domain | undefined {
  if (name === undefined) {
    if (certificateArn !== undefined || zoneId !== undefined || zoneName !== undefined) wrong.push('domain: is missing')
    return undefined
  }
  if (certificateArn === undefined) wrong.push('certificate: is missing, the domain needs one, in the region of the API')
  if ((zoneId === undefined) !== (zoneName === undefined)) wrong.push('zoneId and zoneName: expected both or neither')
  const zone = zoneId === undefined || zoneName === undefined ? undefined : { id: zoneId, name: zoneName }
  return { name, certificateArn: certificateArn ?? '', zone }
}

function alarmsOf (values: Values, wrong: string[]): Alarms | undefined {
  if (values.alarms === false) {
    if (values.alarmEmail !== undefined) wrong.push('alarmEmail: there are no alarms with alarms=false')
    return undefined
  }
  return {
    email: values.alarmEmail,
    costPerDayDollars: values.alarmCostPerDay ?? 10,
    groupLagMessages: values.alarmGroupLag ?? 10_000,
    appendP99Ms: values.alarmAppendP99 ?? 2_000
  }
}
