import type { Server } from 'node:net'
import { resolve } from 'node:path'
import { systemClock } from './adapters/system/clock.ts'
import type { AwsStorage, FolderStorage, Settings, StorageSettings } from './app/config.ts'
import type { StoreCheck } from './app/routes/service/readiness.ts'
import { Tokens } from './domain/access/tokens.ts'
import { createCatalog, type Catalog } from './domain/catalog/catalog.ts'
import { createGroups, type Groups } from './domain/groups/groups.ts'
import { tracedGroups } from './domain/groups/traced-groups.ts'
import { defaultLimits, type Limits } from './domain/limits.ts'
import { createLog, type Log } from './domain/log/log.ts'
import { tracedLog } from './domain/log/traced-log.ts'
import type { Compression } from './domain/segments/segment.ts'
import { noTelemetry } from './domain/telemetry.ts'
import { detachedTimers, tracedMethods, tracedStore } from './domain/traces.ts'
import { openLate } from './late-stores.ts'
import type { Exposition } from './ports/exposition.ts'
import type { GroupStore } from './ports/group-store.ts'
import type { RecordStore } from './ports/record-store.ts'
import type { NamedSegmentStore } from './ports/segment-store.ts'
import type { Telemetry } from './ports/telemetry.ts'
import type { TokenStore } from './ports/token-store.ts'
import type { TopicStore } from './ports/topic-store.ts'
import type { Traces } from './ports/traces.ts'

export interface Wiring {
  readonly log: Log
  readonly catalog: Catalog
  readonly groups: Groups
  readonly tokens: Tokens
  /** The limits of the log, and so of all that uses it. */
  readonly limits: Limits
  /** The metrics of all parts; with `METRICS=off`, and without a place for them, nothing is reported. */
  readonly telemetry: Telemetry
  /** For `GET /metrics`, on a server. */
  readonly exposition: Exposition | undefined
  /** Writes the metrics of an invocation, on Lambda. */
  readonly flushMetrics: () => void
  readonly checks: readonly StoreCheck[]
  /** Where the data is, in words, for the start line. */
  readonly location: string
  /** Problems that do not prevent the start, in words, for the log. */
  readonly warnings: readonly string[]
  /** Waits for the appends in progress, then closes the stores. */
  close (): Promise<void>
}

/** The service cannot start. The message tells the operator what to do, so no stack is printed. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

interface Stores {
  readonly segments: NamedSegmentStore
  readonly topics: TopicStore
  readonly records: RecordStore
  readonly groups: GroupStore
  readonly tokens: TokenStore
  readonly checks: readonly StoreCheck[]
  readonly location: string
  readonly warnings?: readonly string[]
  readonly compression: Compression
  close (): void
}

export interface MetricsOptions {
  /** Topics that have a label of their own. */
  readonly topicsMax: number
  /** Whether the calls to the stores cost money. */
  readonly paid: boolean
}

type Reporting = Pick<Wiring, 'telemetry'> & Partial<Pick<Wiring, 'exposition' | 'flushMetrics'>>

export interface Platform {
  /** Whether the process goes on running when it has answered; true by default. */
  readonly runsOn?: boolean
  /** Whether stores on AWS are opened by the first call to one of them, and not before; false by default. */
  readonly opensLate?: boolean
  /** Opens the place where the metrics go; called unless METRICS=off. Nowhere by default. */
  readonly metrics?: (options: MetricsOptions) => Reporting | Promise<Reporting>
  /** Only while traces are on. Without it, nothing of what makes spans is there. */
  readonly traces?: Traces | undefined
}

/**
 * @param warn gets what an operator should change about the storage, in words, when it is found out after the start; each text once
 * @throws StartError
 */
export async function wire (
  settings: Settings, warn: (text: string) => void, { runsOn = true, opensLate = false, metrics, traces }: Platform = {}
): Promise<Wiring> {
  const reporting = await openMetrics(settings, metrics)
  const { telemetry } = reporting
  const opened = await openStores(settings.storage, warn, telemetry, opensLate)
  const stores = traces === undefined ? opened : traced(opened, traces)
  const { segments, topics, records, checks, location, warnings = [] } = stores
  const compression = settings.compression === 'auto' ? stores.compression : settings.compression
  const limits = { ...defaultLimits, lingerMs: settings.lingerMs, metricTopicsMax: settings.metricTopicsMax }
  const clock = traces === undefined ? systemClock : detachedTimers(systemClock, traces)
  const shared = { segments, topics, records, clock, limits, telemetry }
  const log = createLog({ ...shared, compression, createsTopics: settings.createsTopics, traces })
  const catalog = createCatalog({
    ...shared,
    retention: settings.retention,
    raiseEarliest: (topic, before) => log.raiseEarliest(topic, before),
    resolveClosing: (topic, item) => log.isClosed(topic, item)
  })
  const groups = createGroups({ store: stores.groups, topics, log, clock, limits, runsOn, telemetry, traces })
  const tokens = new Tokens({ store: stores.tokens, clock, limits, warn, telemetry })
  return {
    ...reporting,
    log: traces === undefined ? log : tracedLog(log, traces, limits),
    catalog,
    groups: traces === undefined ? groups : tracedGroups(groups, traces, limits),
    tokens,
    limits,
    checks,
    location,
    warnings,
    async close () {
      await log.close()
      stores.close()
    }
  }
}

function traced (stores: Stores, traces: Traces): Stores {
  return {
    ...stores,
    segments: tracedStore(stores.segments, tracedMethods.segments, traces),
    topics: tracedStore(stores.topics, tracedMethods.topics, traces),
    records: tracedStore(stores.records, tracedMethods.records, traces),
    groups: tracedStore(stores.groups, tracedMethods.groups, traces),
    tokens: tracedStore(stores.tokens, tracedMethods.tokens, traces),
    checks: stores.checks.map(({ name, check }) => ({ name, check: (options) => traces.detached(() => check(options)) }))
  }
}

async function openMetrics (
  { metrics: isOn, metricTopicsMax: topicsMax, storage }: Settings, open: Platform['metrics'] = () => ({ telemetry: noTelemetry })
): Promise<Pick<Wiring, 'telemetry' | 'exposition' | 'flushMetrics'>> {
  const reporting = isOn ? await open({ topicsMax, paid: storage.kind === 'aws' }) : { telemetry: noTelemetry }
  return { exposition: undefined, flushMetrics () {}, ...reporting }
}

/** Imports only the adapters that are used: the AWS SDK alone takes longer to load than everything else. */
async function openStores (
  storage: StorageSettings, warn: (text: string) => void, telemetry: Telemetry, late: boolean
): Promise<Stores> {
  switch (storage.kind) {
    case 'aws': return openAws(storage, warn, telemetry, late)
    case 'folder': return openSqlite(storage.path)
    case 'memory': return openMemory()
  }
}

async function openAws (
  storage: AwsStorage, warn: (text: string) => void, telemetry: Telemetry, late: boolean
): Promise<Stores> {
  const onUnits = telemetry === noTelemetry
    ? undefined
    : (kind: 'read' | 'write', units: number): void => { telemetry.capacityUsed(kind, units) }
  const open = async () => (await import('./aws-stores.ts')).openAwsStores(storage, { warn, onUnits })
  const stores = late ? openLate(open) : await open()
  return {
    ...stores,
    checks: [
      { name: 'bucket', check: (options) => stores.segments.check(options) },
      { name: 'table', check: (options) => stores.topics.check(options) }
    ],
    location: `S3 bucket ${storage.bucket} and DynamoDB table ${storage.table}`,
    compression: 'zstd'
  }
}

async function openSqlite (folder: string): Promise<Stores> {
  const [{ openSqliteStore, SqliteStartError }, { listenForBackups }, { listenForTokens }] = await Promise.all([
    import('./adapters/sqlite/open.ts'), import('./adapters/sqlite/backup.ts'), import('./adapters/sqlite/token-socket.ts')
  ])
  try {
    const store = openSqliteStore(folder)
    const warnings: string[] = []
    const orWarn = (server: Promise<Server>, warning: string): Promise<Server | undefined> => server.catch((error: unknown) => {
      warnings.push(warning + String(error))
      return undefined
    })
    const sockets = await Promise.all([
      orWarn(listenForBackups(folder, (target) => store.backup(target)), 'Backups are not possible while the server runs: '),
      orWarn(listenForTokens(folder, store.tokens), '"npm run token" is not possible while the server runs: ')
    ])
    return {
      ...store,
      checks: [{ name: 'data folder', check: (options) => store.segments.check(options) }],
      location: resolve(folder),
      warnings,
      compression: 'none',
      close () {
        for (const socket of sockets) socket?.close()
        store.close()
      }
    }
  } catch (error) {
    throw error instanceof SqliteStartError ? new StartError(error.message, { cause: error }) : error
  }
}

/** The store of tokens alone, for a command. */
export interface OpenedTokens {
  readonly store: TokenStore
  /** Where it is, in words. */
  readonly location: string
  close (): void
}

/**
 * A folder that a server has open is reached through that server.
 * @param warn as that of {@link wire}
 * @throws StartError
 */
export async function openTokenStore (storage: AwsStorage | FolderStorage, warn: (text: string) => void): Promise<OpenedTokens> {
  if (storage.kind === 'aws') {
    const { table, region, dynamoEndpoint: endpoint } = storage
    const [{ createDynamoClient }, { createDynamoTokenStore }] = await Promise.all([
      import('./adapters/dynamodb/client.ts'), import('./adapters/dynamodb/token-store.ts')
    ])
    const client = createDynamoClient({ region, endpoint })
    const store = createDynamoTokenStore({ client, table, warn })
    return { store, location: `DynamoDB table ${table}`, close: () => { client.destroy() } }
  }
  const { connectToTokens } = await import('./adapters/sqlite/token-socket.ts')
  const ofServer = await connectToTokens(storage.path)
  if (ofServer !== undefined) return { store: ofServer, location: `${resolve(storage.path)}, where a server runs`, close () {} }
  const { openSqliteStore, SqliteStartError } = await import('./adapters/sqlite/open.ts')
  try {
    const opened = openSqliteStore(storage.path)
    return { store: opened.tokens, location: resolve(storage.path), close: () => { opened.close() } }
  } catch (error) {
    throw error instanceof SqliteStartError ? new StartError(error.message, { cause: error }) : error
  }
}

async function openMemory (): Promise<Stores> {
  const [
    { createMemorySegmentStore }, { createMemoryTopicStore }, { createMemoryRecordStore }, { createMemoryGroupStore },
    { createMemoryTokenStore }
  ] = await Promise.all([
    import('./adapters/memory/segment-store.ts'), import('./adapters/memory/topic-store.ts'),
    import('./adapters/memory/record-store.ts'), import('./adapters/memory/group-store.ts'),
    import('./adapters/memory/token-store.ts')
  ])
  // The wall clock at the start plus the elapsed time: it does not jump when the machine's clock is set.
  const now = (): number => Math.floor(performance.timeOrigin + performance.now())
  return {
    segments: createMemorySegmentStore(now),
    topics: createMemoryTopicStore(now),
    records: createMemoryRecordStore(),
    groups: createMemoryGroupStore(now),
    tokens: createMemoryTokenStore(),
    checks: [],
    location: 'memory (lost when the server stops)',
    compression: 'none',
    close () {}
  }
}
