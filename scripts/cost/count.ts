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
import { createCatalog, type Catalog } from '../../src/domain/catalog/catalog.ts'
import { createGroups } from '../../src/domain/groups/groups.ts'
import { defaultLimits } from '../../src/domain/limits.ts'
import { createLog } from '../../src/domain/log/log.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { StoreOperation, Telemetry } from '../../src/ports/telemetry.ts'

/** What is paid for a call to a store. Items are small, so a read of one is a unit, and a write, too. */
type Paid = 'put' | 'get' | 'list' | 'readUnits' | 'writeUnits'

const paidFor: Readonly<Record<StoreOperation, readonly Paid[]>> = {
  put: ['put'],
  get: ['get'],
  list: ['list'],
  list_names: ['list'],
  remove: [],
  reserve: ['writeUnits'],
  state: ['readUnits'],
  mark_closed: ['writeUnits'],
  correct_reserved_at: ['writeUnits'],
  raise_earliest: ['writeUnits'],
  mark_deleted: ['writeUnits'],
  configure: ['writeUnits'],
  note_swept: ['writeUnits'],
  list_topics: ['readUnits'],
  read_record: ['readUnits'],
  replace_record: ['writeUnits'],
  remove_expired: ['readUnits'],
  read_group: ['readUnits'],
  write_group: ['writeUnits'],
  remove_group: ['writeUnits'],
  list_groups: ['readUnits'],
  read_token: ['readUnits'],
  create_token: ['writeUnits'],
  remove_token: ['writeUnits'],
  list_tokens: ['readUnits']
}

/** Of one request, on average. */
export interface Counted extends Readonly<Record<Paid, number>> {
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

interface Stores {
  readonly segments: ReturnType<typeof createMemorySegmentStore>
  readonly topics: ReturnType<typeof createMemoryTopicStore>
  readonly records: ReturnType<typeof createMemoryRecordStore>
  readonly store: ReturnType<typeof createMemoryGroupStore>
  readonly clock: PassingClock
}

/** A clock on which time passes between requests, so that what an environment has kept for an instant only is old. */
interface PassingClock extends Clock { pass (ms: number): void }

function createClock (): PassingClock {
  let passed = 0
  return { ...systemClock, monotonic: () => systemClock.monotonic() + passed, pass (ms) { passed += ms } }
}

/** Between two requests. */
const pauseMs = 1_000

export function createStores (): Stores {
  return {
    segments: createMemorySegmentStore(),
    topics: createMemoryTopicStore(),
    records: createMemoryRecordStore(),
    store: createMemoryGroupStore(),
    clock: createClock()
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
  readonly #clock: PassingClock
  readonly #close: () => Promise<void>

  constructor ({ store, ...stores }: Stores) {
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
    this.#clock = stores.clock
    const shared = { ...stores, limits: defaultLimits, telemetry }
    const log = createLog({ ...shared, compression: 'none' })
    this.#catalog = createCatalog({
      ...shared,
      retention: {},
      raiseEarliest: (topic, before) => log.raiseEarliest(topic, before),
      resolveClosing: (topic, item) => log.isClosed(topic, item)
    })
    this.#app = buildApp({
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
      for (const paid of paidFor[operation]) {
        this.#sums[paid]++
        if (paid === 'readUnits' || paid === 'writeUnits') tally.capacityUsed(paid === 'readUnits' ? 'read' : 'write', 1)
      }
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
    await this.#catalog.sweep()
    this.#flush()
  }

  /** What one of `requests` requests costs, all of which `work` makes. */
  async count (requests: number, work: () => Promise<unknown>): Promise<Counted> {
    this.#sums = noSums()
    this.#metrics.clear()
    await work()
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
