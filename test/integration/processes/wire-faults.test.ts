import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createDynamoClient, type TableSettings } from '../../../src/adapters/dynamodb/client.ts'
import { createDynamoGroupStore } from '../../../src/adapters/dynamodb/group-store.ts'
import { createDynamoRecordStore } from '../../../src/adapters/dynamodb/record-store.ts'
import { createDynamoTopicStore } from '../../../src/adapters/dynamodb/topic-store.ts'
import { createS3SegmentStore } from '../../../src/adapters/s3/segment-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import { createOperation } from '../../../src/domain/operation.ts'
import { groupStoreContract } from '../../contracts/group-store.contract.ts'
import { recordStoreContract } from '../../contracts/record-store.contract.ts'
import { segmentStoreContract } from '../../contracts/segment-store.contract.ts'
import { topicStoreContract } from '../../contracts/topic-store.contract.ts'
import { Random } from '../../simulation/engine/random.ts'
import { Checker, type ReadOperation } from '../../simulation/log/checker.ts'
import { payloadsOf } from '../../support/http/pages.ts'
import { faultProxy, type FaultProxy, type WireFaultRates, type WireRequest } from '../../support/storage/fault-proxy.ts'
import { localstack, withoutLocalstack, type Localstack } from '../../support/storage/localstack.ts'
import { repeating } from '../../support/storage/repeating.ts'

/** WIRE_SEED=… repeats the faults of a run, as far as the timing lets it. */
const seed = process.env['WIRE_SEED'] ?? String(randomInt(1_000_000))

/** Later than every time-out of the workload below. */
const LATE_MS = [900, 2_500] as const

type Rates = (request: WireRequest) => WireFaultRates
const withoutFaults: Rates = () => ({})

/** The adapters as a process has them, with a way of its own to the services: a proxy between. */
async function reached (t: TestContext, { settings, bucket, table }: Localstack, rates: Rates, name = t.name) {
  const proxy = await faultProxy(t, { origin: settings.endpoint, seed: `${seed}/${name}`, rates, lateMs: LATE_MS })
  const store = (): ReturnType<typeof createS3SegmentStore> => {
    const segments = createS3SegmentStore({ ...settings, endpoint: proxy.endpoint, bucket })
    t.after(() => { segments.close() })
    return segments
  }
  const tableSettings = (): TableSettings => {
    const client = createDynamoClient({ ...settings, endpoint: proxy.endpoint })
    t.after(() => { client.destroy() })
    return { client, table }
  }
  const stores = () => {
    const table = tableSettings()
    return { segments: store(), topics: createDynamoTopicStore(table), records: createDynamoRecordStore(table) }
  }
  return { proxy, store, tableSettings, stores }
}

describe('the contracts hold through a proxy', () => {
  /**
   * What repeating a call makes invisible, so that no test of the contracts is left out. Nothing here is applied and then not
   * answered where that would show: such a put would rightly say "exists" of its own object and such a reservation leave
   * a hole, while a read is simply asked again. What comes later than a time-out is left to the workload.
   */
  const hidden = ({ operation, nth }: WireRequest): WireFaultRates => {
    if (nth % 3 === 0) return {}
    const nowhere = { reset: 0.025, refuse: 0.025 }
    return ['GetObject', 'ListObjectsV2', 'GetItem', 'Query'].includes(operation) ? { ...nowhere, drop: 0.05, cut: 0.05 } : nowhere
  }

  for (const [how, rates] of [['without faults', withoutFaults], ['with faults, and calls that are repeated', hidden]] as const) {
    segmentStoreContract(`S3 through a proxy ${how}`, async (t) => repeating((await reached(t, await localstack(t), rates)).store()), {
      io: true,
      skip: withoutLocalstack
    })
  }

  topicStoreContract('DynamoDB through a proxy with faults, and calls that are repeated', async (t) => {
    const { tableSettings } = await reached(t, await localstack(t), hidden)
    return [repeating(createDynamoTopicStore(tableSettings())), repeating(createDynamoTopicStore(tableSettings()))]
  }, { io: true, skip: withoutLocalstack, reservations: 200 })

  recordStoreContract('DynamoDB through a proxy with faults, and calls that are repeated', async (t) => {
    const { tableSettings } = await reached(t, await localstack(t), hidden)
    return [repeating(createDynamoRecordStore(tableSettings())), repeating(createDynamoRecordStore(tableSettings()))]
  }, { io: true, ownExpiry: true, skip: withoutLocalstack })

  groupStoreContract('DynamoDB through a proxy with faults, and calls that are repeated', async (t) => {
    const { tableSettings } = await reached(t, await localstack(t), hidden)
    return [repeating(createDynamoGroupStore(tableSettings())), repeating(createDynamoGroupStore(tableSettings()))]
  }, { io: true, skip: withoutLocalstack })
})

/** As the defaults relate to each other, and short enough that ranges are given up, sealed and contended in seconds. */
const limits: Limits = {
  ...defaultLimits,
  appendTimeoutMs: 7_000,
  resolveBySealMs: 1_500,
  putTimeoutMs: 400,
  reserveTimeoutMs: 800,
  reservationTtlMs: 10_000,
  retryDelayMaxMs: 200,
  putsInFlightMax: 3,
  compressOverBytes: 256,
  readTimeoutMs: 4_000,
  getTimeoutMs: 800,
  holeGraceMs: 800,
  listMax: 50,
  topicsPageMax: 50,
  topicsPageDefault: 50
}
/** For those who meet no faults: on a busy machine a call without one may take longer than those above. */
const patient: Limits = {
  ...limits,
  appendTimeoutMs: defaultLimits.appendTimeoutMs,
  reserveTimeoutMs: defaultLimits.reserveTimeoutMs,
  resolveBySealMs: defaultLimits.resolveBySealMs,
  reservationTtlMs: defaultLimits.reservationTtlMs,
  readTimeoutMs: defaultLimits.readTimeoutMs,
  getTimeoutMs: defaultLimits.getTimeoutMs
}
const FAULTS: WireFaultRates = { reset: 0.1, refuse: 0.1, 'late request': 0.05, 'late answer': 0.05, drop: 0.1, conflict: 0.1 }
/** Of what a reader asks; less, so that there are readers that find the others' holes while their writers still try. */
const READ_FAULTS: WireFaultRates = { reset: 0.04, refuse: 0.04, 'late request': 0.03, 'late answer': 0.03, drop: 0.04, cut: 0.12 }
/**
 * Hardly a put gets through, so that the ranges of one process grow old. Whether a reader seals one that its writer still
 * tries is left to the timing (the summary tells): on a slow machine it does not happen, and a 412 is then always one's own.
 */
const BAD_SPELL: WireFaultRates = { conflict: 0.6, refuse: 0.2, 'late request': 0.06, 'late answer': 0.03, drop: 0.03 }
const SPELL_MS = 3_000
const EVERY_FAULT = [
  ...[
    'reset', 'refuse', 'late request', 'late answer', 'drop', 'cut'
  ].flatMap((fault) => [`s3 ${fault}`, `dynamodb ${fault}`]), 's3 conflict'
]
const TOPIC = 'on-the-wire'
const AT_LEAST_MS = 9_000
const AT_MOST_MS = 25_000
const ENOUGH_ACKNOWLEDGED = 60

test('two processes on a bad network lose, double, reorder and misreport nothing', {
  skip: withoutLocalstack,
  timeout: 120_000
}, async (t) => {
  const services = await localstack(t)
  t.diagnostic(`WIRE_SEED=${seed}`)
  const started = performance.now()
  const process = async (name: string, rates?: Rates): Promise<Party> => {
    const { proxy, stores } = await reached(t, services, rates ?? withoutFaults, name)
    const random = new Random(seed, name).next
    return { proxy, log: createLog({ ...stores(), clock: systemClock, compression: 'gzip', limits: rates ? limits : patient, random }) }
  }
  /** The processes have their bad spells in turn, and then there is none for a while. */
  const rates = (p: number): Rates => ({ operation }) => {
    if (['GetObject', 'ListObjectsV2', 'GetItem'].includes(operation)) return READ_FAULTS
    if (operation !== 'PutObject') return { ...FAULTS, cut: 0.1 }
    return Math.floor((performance.now() - started) / SPELL_MS) % 3 === p ? BAD_SPELL : FAULTS
  }
  const [one, two] = await Promise.all([process('one', rates(0)), process('two', rates(1))])
  const history = new History([one.proxy, two.proxy])

  await history.all(
    [one, two].flatMap(({ log }, p) => Array.from({ length: 6 }, (_, w) => history.write(log, `p${p}w${w}`))),
    [one, two, one].map(({ log }, r) => history.follow(log, `reader ${r}`)),
    async () => {
      one.proxy.faultsOn = two.proxy.faultsOn = false
      // While the last requests are still on their way: what lands now must not be where a reader has been.
      await history.readToEnd((await process('three')).log, 'reader at the end')
      await Promise.all([one.proxy.drained(), two.proxy.drained()])
      history.checkEnd(await history.readToEnd((await process('four')).log, 'reader after the end'))
    })

  for (const summary of history.summary()) t.diagnostic(summary)
  for (const fault of EVERY_FAULT) assert.ok(history.happened(fault) > 0, `${fault} did not happen`)
})

// The workload above seldom gets there: on a slow machine its readers come too late, and a 412 is always one's own.
test('a writer whose range a reader sealed meanwhile takes another one', { skip: withoutLocalstack, timeout: 60_000 }, async (t) => {
  const services = await localstack(t)
  const log = ({ stores }: Awaited<ReturnType<typeof reached>>): Log =>
    createLog({ ...stores(), clock: systemClock, compression: 'none', limits: patient })
  const held = await reached(t, services, ({ operation }) => operation === 'PutObject' ? { conflict: 1 } : {}, 'held back')
  const reader = log(await reached(t, services, withoutFaults, 'free'))
  const operation = createOperation()
  const append = log(held).append(TOPIC, [{ payload: '"late"' }], {}, operation)
  let next = 1
  for (const started = performance.now(); next === 1; await wait(100)) {
    assert.ok(performance.now() - started < 12_000, 'the reader does not seal the hole')
    next = (await reader.read(TOPIC, { from: 1, limit: 10, maxBytes: 1_000 })).nextOffset
  }
  held.proxy.faultsOn = false
  const { first } = await append
  assert.deepEqual([first, operation.calls.reserve], [2, 2])
  const page = await reader.read(TOPIC, { from: next, limit: 10, maxBytes: 1_000 })
  assert.deepEqual([payloadsOf(page), page.nextOffset], [['late'], 3])
})

interface Party { readonly log: Log, readonly proxy: FaultProxy }

/** Writers and readers whose every answer is held against all others. */
class History {
  readonly #checker = new Checker()
  readonly #proxies: readonly FaultProxy[]
  readonly #started = performance.now()
  readonly #outcomes: Record<string, number> = { acknowledged: 0 }
  #writing = true
  #following = true

  constructor (proxies: readonly FaultProxy[]) {
    this.#proxies = proxies
  }

  /** Writers for a while, then `thenDo` while the readers still follow; the first failure stops all. */
  async all (writers: ReadonlyArray<Promise<void>>, readers: ReadonlyArray<Promise<void>>, thenDo: () => Promise<void>): Promise<void> {
    const stop = (): void => { this.#writing = this.#following = false }
    const stopping = (party: Promise<void>): Promise<void> => party.catch((error: unknown) => { stop(); throw error })
    const written = Promise.all([...writers, this.#endWritingInTime()].map(stopping))
    const settled = await Promise.allSettled([written.then(thenDo).finally(stop), ...readers.map(stopping), ...writers])
    for (const each of settled) if (each.status === 'rejected') throw each.reason
  }

  async write (log: Log, name: string): Promise<void> {
    const random = new Random(seed, name)
    for (let n = 0; this.#writing; n++) {
      const id = `${name}-${n}`
      const append = this.#checker.startAppend(id, random.int(1, 3))
      const messages = Array.from({ length: append.count }, (_, i) =>
        ({ payload: JSON.stringify(`${id}.${i}`), key: 'k'.repeat(random.int(0, 200)) }))
      try {
        const operation = createOperation()
        const { first, last } = await log.append(TOPIC, messages, {}, operation)
        this.#checker.acknowledged(append, first, last)
        this.#count('acknowledged')
        if (operation.calls.reserve > 1) this.#count('acknowledged, at another range after a seal')
      } catch (error) {
        if (!(error instanceof LogError)) throw error
        const { written, code } = error
        assert.ok(written !== undefined, `${code} of an append says whether it was written`)
        this.#count(`${code} (${written})`)
        this.#checker.failed(append, written)
      }
      await wait(random.int(0, 60))
    }
  }

  async follow (log: Log, name: string): Promise<void> {
    for (let from = 1; this.#following;) {
      const { next } = await this.#read(log, name, from, 20)
      if (next === from) await wait(60)
      from = next
    }
  }

  /** Reads all of the topic. @returns the offsets of its messages */
  async readToEnd (log: Log, name: string): Promise<Map<string, number>> {
    const started = performance.now()
    const end = await log.position(TOPIC, 'latest')
    const at = new Map<string, number>()
    for (let from = 1; from < end;) {
      const { next, messages } = await this.#read(log, name, from, 1_000)
      for (const [offset, message] of messages) {
        assert.ok(!at.has(message), `${message} is there once`)
        at.set(message, offset)
      }
      assert.ok(performance.now() - started < 40_000, `${name} is at ${from} and does not get to ${end}`)
      if (next === from) await wait(100)
      from = next
    }
    return at
  }

  async #endWritingInTime (): Promise<void> {
    const enough = (): boolean => this.#outcomes['acknowledged']! >= ENOUGH_ACKNOWLEDGED &&
      EVERY_FAULT.every((fault) => this.happened(fault) > 0)
    for (let ms = 0; ms < AT_MOST_MS && this.#writing && !(ms >= AT_LEAST_MS && enough()); ms = performance.now() - this.#started) {
      await wait(50)
    }
    this.#writing = false
  }

  /** Each append is in the log as a whole, in order and once, or not at all; each acknowledged one is, at its offset. */
  checkEnd (at: ReadonlyMap<string, number>): void {
    assert.ok(this.#outcomes['acknowledged']! > 0, 'something was acknowledged')
    for (const { id, count, first, outcome } of this.#checker.appends.values()) {
      const there = Array.from({ length: count }, (_, i) => at.get(`${id}.${i}`))
      const whole = there.map((_, i) => (first ?? NaN) + i)
      const absent = there.map(() => undefined)
      if (outcome === 'acknowledged') assert.deepEqual(there, whole, `${id} was acknowledged`)
      else if (outcome === 'not written') assert.deepEqual(there, absent, `${id} was not written`)
      else if (there[0] !== undefined) assert.deepEqual(there, whole, `${id} is there as a whole`)
      else assert.deepEqual(there, absent, `nothing of ${id} is there`)
    }
  }

  happened (fault: string): number {
    return this.#proxies.reduce((sum, { happened }) => sum + (happened.get(fault) ?? 0), 0)
  }

  summary (): string[] {
    return [
      EVERY_FAULT.map((fault) => `${fault}: ${this.happened(fault)}`).join(', '),
      `of ${this.#proxies.reduce((sum, { requests }) => sum + requests, 0)} requests; ${this.#checker.reads.length} reads`,
      Object.entries(this.#outcomes).map(([outcome, times]) => `${outcome}: ${times}`).join(', ')
    ]
  }

  async #read (log: Log, name: string, from: number, limit: number): Promise<Pick<ReadOperation, 'next' | 'messages'>> {
    const start = this.#checker.startRead()
    try {
      const page = await log.read(TOPIC, { from, limit, maxBytes: limits.pageBytesMax })
      this.#checker.page(name, start, from, page)
      return this.#checker.reads.at(-1)!
    } catch (error) {
      // Not even the first offset could be looked at: the same again. A damaged segment would be there every time.
      if (!(error instanceof LogError) || error.code === 'segment_corrupt') throw error
      return { next: from, messages: [] }
    }
  }

  #count (outcome: string): void {
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
  }
}
