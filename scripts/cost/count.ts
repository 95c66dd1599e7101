/**
 * Counts what requests to the service cost, by making them: the whole app with its log, groups and sweeps, as on Lambda, over stores in
 * memory whose calls are counted. A writer and a reader share the stores and no cache, as two environments of a function do.
 */
import { createEmfMetrics } from '../../src/adapters/emf/emf.ts'
import { createMemoryGroupStore } from '../../src/adapters/memory/group-store.ts'
import { createMemoryRecordStore } from '../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { noAuthenticator } from '../../src/app/access/authenticator.ts'
import { buildApp } from '../../src/app/build-app.ts'
import { createLogger } from '../../src/app/logger.ts'
import { preparedAtStart } from '../../src/app/prepared.ts'
import { foundWork } from '../../src/app/sweeper.ts'
import { createCatalog, type Catalog } from '../../src/domain/catalog/catalog.ts'
import { createGroups } from '../../src/domain/groups/groups.ts'
import { defaultLimits } from '../../src/domain/limits.ts'
import { createLog } from '../../src/domain/log/log.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { GroupStore } from '../../src/ports/group-store.ts'
import type { RecordStore } from '../../src/ports/record-store.ts'
import type { NamedSegmentStore } from '../../src/ports/segment-store.ts'
import type { StoreOperation, Telemetry } from '../../src/ports/telemetry.ts'
import type { TopicStore } from '../../src/ports/topic-store.ts'

/** What is paid for. */
export const paidNames = ['put', 'get', 'list', 'readUnits', 'writeUnits'] as const
export type Paid = Readonly<Record<typeof paidNames[number], number>>

const [write, read, query] = [{ writeUnits: 1 }, { readUnits: 1 }, { readUnits: 0.5 }]

/** Items are small, so to read or write one is one unit. Lists of names are read eventually consistently. */
const paidFor: Readonly<Record<StoreOperation, Partial<Paid>>> = {
  put: { put: 1 },
  get: { get: 1 },
  list: { list: 1 },
  list_names: { list: 1 },
  remove: {},
  reserve: write,
  state: read,
  mark_closed: write,
  correct_reserved_at: write,
  raise_earliest: write,
  mark_deleted: write,
  configure: write,
  note_swept: write,
  list_topics: query,
  read_record: read,
  replace_record: write,
  // DynamoDB does it by itself.
  remove_expired: {},
  read_group: read,
  write_group: write,
  remove_group: write,
  list_groups: query,
  read_token: read,
  create_token: write,
  remove_token: write,
  list_tokens: query
}

/** Of one request, on average. */
export interface Counted extends Paid {
  /** Bodies of the request and of the response. */
  readonly bodyBytes: number
  /** Of the service's line in the log, and of the line with its metrics. */
  readonly logBytes: number
  readonly metricBytes: number
  /** Of the objects that were put, without compression. */
  readonly putBytes: number
  /** Names of the metrics. */
  readonly metrics: readonly string[]
}

type Sums = Record<Exclude<keyof Counted, 'metrics'>, number>

function noSums (): Sums {
  return { put: 0, get: 0, list: 0, readUnits: 0, writeUnits: 0, bodyBytes: 0, logBytes: 0, metricBytes: 0, putBytes: 0 }
}

export interface Stores {
  readonly segments: NamedSegmentStore
  readonly topics: TopicStore
  readonly records: RecordStore
  readonly store: GroupStore
  /** What the stores say that they were asked for so far, where they do. It is believed rather than the table. */
  readonly told?: () => Paid
}

/**
 * A clock on which time passes only between requests: what an environment has kept for an instant is old then, and is not during a
 * request, however slow the store is.
 */
interface PassingClock extends Clock { pass (ms: number): void }

function createClock (): PassingClock {
  let passed = 0
  return { ...systemClock, monotonic: () => passed, pass (ms) { passed += ms } }
}

/** Between two requests. */
const pauseMs = 1_000

export function createStores (): Stores {
  return {
    segments: createMemorySegmentStore(),
    topics: createMemoryTopicStore(),
    records: createMemoryRecordStore(),
    store: createMemoryGroupStore()
  }
}

const uuid = '00000000-0000-4000-8000-000000000000'

/** One environment of the function. */
export class Environment {
  #sums = noSums()
  readonly #metrics = new Set<string>()
  readonly #flush: () => void
  readonly #app: ReturnType<typeof buildApp>
  readonly #catalog: Catalog
  readonly #clock = createClock()
  readonly #told: Stores['told']
  readonly #close: () => Promise<void>

  constructor ({ store, told, ...stores }: Stores) {
    this.#told = told
    const { telemetry: tally, flush } = createEmfMetrics({
      service: 'ServerlessStreamsApi-Function',
      topicsMax: defaultLimits.metricTopicsMax,
      paid: true,
      write: (line) => { this.#metricLine(line) }
    })
    this.#flush = flush
    const telemetry = new Proxy(tally, {
      get: (target, name: keyof Telemetry) => name === 'storeCall' ? this.#storeCall(target) : target[name].bind(target)
    })
    const shared = { ...stores, clock: this.#clock, limits: defaultLimits, telemetry }
    const log = createLog({ ...shared, compression: 'none' })
    this.#catalog = createCatalog({
      ...shared,
      retention: {},
      raiseEarliest: (topic, before) => log.raiseEarliest(topic, before),
      resolveClosing: (topic, item) => log.isClosed(topic, item)
    })
    this.#app = buildApp({
      ...preparedAtStart(),
      log,
      catalog: this.#catalog,
      groups: createGroups({ ...shared, store, log, runsOn: false }),
      limits: defaultLimits,
      checks: [],
      authenticator: noAuthenticator,
      telemetry,
      logger: createLogger('info', { write: (line) => { this.#sums.logBytes += steadyLength(line) } }),
      platformLogFields: () => ({ lambda_request_id: uuid })
    })
    this.#close = async () => {
      await this.#app.close()
      await log.close()
    }
  }

  #storeCall (tally: Telemetry): Telemetry['storeCall'] {
    return (operation, outcome, ms, bytes) => {
      const { readUnits = 0, writeUnits = 0 } = paidFor[operation]
      for (const name of paidNames) this.#sums[name] += paidFor[operation][name] ?? 0
      if (readUnits > 0) tally.capacityUsed('read', readUnits)
      if (writeUnits > 0) tally.capacityUsed('write', writeUnits)
      if (operation === 'put') this.#sums.putBytes += bytes
      tally.storeCall(operation, outcome, ms, bytes)
    }
  }

  #metricLine (line: string): void {
    this.#sums.metricBytes += steadyLength(line)
    const { _aws } = JSON.parse(line) as { _aws: { CloudWatchMetrics: Array<{ Metrics: Array<{ Name: string }> }> } }
    for (const { Metrics } of _aws.CloudWatchMetrics) for (const { Name } of Metrics) this.#metrics.add(Name)
  }

  /** @returns the answer's body, from JSON */
  async request<Answer> (method: 'GET' | 'PUT' | 'POST', url: string, payload = ''): Promise<Answer> {
    this.#clock.pass(pauseMs)
    const headers = { 'content-type': 'application/json', 'x-request-id': uuid }
    const answer = await this.#app.inject({ method, url, ...payload !== '' && { payload, headers } })
    this.#flush()
    if (answer.statusCode >= 300) throw new Error(`${method} ${url} was answered with ${answer.statusCode}: ${answer.body.slice(0, 500)}`)
    this.#sums.bodyBytes += payload.length + answer.body.length
    return JSON.parse(answer.body) as Answer
  }

  async sweep (): Promise<void> {
    this.#clock.pass(pauseMs)
    if (foundWork(await this.#catalog.sweep({ resume: true }))) this.#flush()
  }

  /** What one of `requests` requests costs, all of which `work` makes. */
  async count (requests: number, work: () => Promise<unknown>): Promise<Counted> {
    this.#sums = noSums()
    this.#metrics.clear()
    const before = this.#told?.()
    await work()
    const after = this.#told?.()
    if (before !== undefined && after !== undefined) for (const name of paidNames) this.#sums[name] = after[name] - before[name]
    const each = Object.entries(this.#sums).map(([name, sum]) => [name, sum / requests])
    return { ...Object.fromEntries(each) as Sums, metrics: [...this.#metrics].sort() }
  }

  close (): Promise<void> {
    return this.#close()
  }
}

/** Of a line in which durations have a fixed number of digits, so that the same requests always have the same length. */
function steadyLength (line: string): number {
  const steady = line
    .replaceAll(/("[a-z_]*(?:duration_ms|_seconds)":)(\[[^\]]*\]|[\d.e-]+)/g, (_match, name: string, values: string) => (
      name + values.replaceAll(/[\d.e-]+/g, '0.0123456')))
    .replaceAll(/("[a-z_]*dollars_total":)[\d.e-]+/g, '$10.000005625')
  return Buffer.byteLength(steady)
}
