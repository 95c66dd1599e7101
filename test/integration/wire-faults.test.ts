import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createDynamoClient, createDynamoOffsetCounter } from '../../src/adapters/dynamodb/offset-counter.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { LogError } from '../../src/domain/errors.ts'
import { defaultLimits, type Limits } from '../../src/domain/limits.ts'
import { createLog, type Log } from '../../src/domain/log.ts'
import { offsetCounterContract } from '../contracts/offset-counter.ts'
import { segmentStoreContract } from '../contracts/segment-store.ts'
import { Checker, type ReadOperation } from '../simulation/checker.ts'
import { Random } from '../simulation/random.ts'
import { faultProxy, type FaultProxy, type WireFaultRates, type WireRequest } from '../support/fault-proxy.ts'
import { localstack, withoutLocalstack } from '../support/localstack.ts'

/** WIRE_SEED=… repeats the faults of a run, as far as the timing lets it. */
const seed = process.env['WIRE_SEED'] ?? String(randomInt(1_000_000))

async function proxied (t: TestContext, rates: (request: WireRequest) => WireFaultRates, lateMs?: readonly [number, number]) {
  const { settings, bucket, table } = await localstack(t)
  const proxy = await faultProxy(t, { origin: settings.endpoint, seed: `${seed}/${t.name}`, rates, ...lateMs !== undefined && { lateMs } })
  t.diagnostic(`WIRE_SEED=${seed}`)
  const store = (): ReturnType<typeof createS3SegmentStore> => {
    const segments = createS3SegmentStore({ ...settings, endpoint: proxy.endpoint, bucket })
    t.after(() => { segments.close() })
    return segments
  }
  const counter = (): ReturnType<typeof createDynamoOffsetCounter> => {
    const client = createDynamoClient({ ...settings, endpoint: proxy.endpoint })
    t.after(() => { client.destroy() })
    return createDynamoOffsetCounter({ client, table })
  }
  return { proxy, store, counter }
}

describe('the contracts hold through a proxy', () => {
  /**
   * What the SDK must make invisible, so that no test of the contracts is left out. Nothing here is applied and then not
   * answered where that would show: such a put would rightly say "exists" of its own object and such a reservation leave
   * a hole, while a read is simply asked again. GetObject's body is read outside of the SDK's attempts, so its being cut
   * is rightly an error of the call; it is left to the workload, as is what comes later than a time-out.
   */
  const hidden = ({ operation, attempt, attemptsMax }: WireRequest): WireFaultRates => {
    if (attempt === attemptsMax) return {}
    const nowhere = { reset: 0.025, refuse: 0.025 }
    if (operation === 'GetObject') return { ...nowhere, drop: 0.05 }
    return operation === 'ListObjectsV2' || operation === 'GetItem' ? { ...nowhere, drop: 0.05, cut: 0.05 } : nowhere
  }

  for (const [how, rates] of [['without faults', () => ({})], ['with faults that the SDK hides', hidden]] as const) {
    segmentStoreContract(`S3 through a proxy ${how}`, async (t) => (await proxied(t, rates)).store(), { io: true, skip: withoutLocalstack })
    offsetCounterContract(`DynamoDB through a proxy ${how}`, async (t) => (await proxied(t, rates)).counter(), { io: true, skip: withoutLocalstack })
  }
})

/** As the defaults relate to each other, and short enough that ranges are given up, sealed and contended in seconds. */
const limits: Limits = {
  ...defaultLimits,
  appendTimeoutMs: 5_000,
  giveUpMs: 1_500,
  putTimeoutMs: 400,
  reserveTimeoutMs: 800,
  reservationTtlMs: 10_000,
  retryDelayMaxMs: 200,
  putsInFlightMax: 3,
  compressOverBytes: 256,
  readTimeoutMs: 4_000,
  getTimeoutMs: 800,
  holeGraceMs: 800,
  listMax: 50
}
/** Later than every time-out above. */
const LATE_MS = [900, 2_500] as const
const FAULTS: WireFaultRates = { reset: 0.1, refuse: 0.1, 'late request': 0.06, 'late answer': 0.06, drop: 0.1, cut: 0.1, conflict: 0.15 }
const EVERY_FAULT = [
  ...['reset', 'refuse', 'late request', 'late answer', 'drop', 'cut'].flatMap((fault) => [`s3 ${fault}`, `dynamodb ${fault}`]), 's3 conflict'
]
const TOPIC = 'on-the-wire'
const AT_LEAST_MS = 8_000
const AT_MOST_MS = 25_000
const ENOUGH_ACKNOWLEDGED = 60

test('two processes on a bad network lose, double, reorder and misreport nothing', { skip: withoutLocalstack, timeout: 120_000 }, async (t) => {
  const { proxy, store, counter } = await proxied(t, () => FAULTS, LATE_MS)
  const process = (name: string): Log => createLog({
    segments: store(), counter: counter(), clock: systemClock, compression: 'gzip', limits, random: new Random(seed, name).next
  })
  const [one, two] = [process('one'), process('two')]
  const history = new History(proxy)

  await history.all([
    ...[one, two].flatMap((log, p) => Array.from({ length: 6 }, (_, w) => history.write(log, `p${p}w${w}`))),
    ...[one, two, one].map((log, r) => history.follow(log, `reader ${r}`)),
    history.endWritingInTime()
  ], async () => {
    proxy.faultsOn = false
    // While the last requests are still on their way: what lands now must not be where a reader has been.
    await history.readToEnd(process('three'), 'reader at the end')
    await proxy.drained()
    history.checkEnd(await history.readToEnd(process('four'), 'reader after the end'))
  })

  t.diagnostic(`${proxy.requests} requests; ${[...proxy.happened].map(([fault, times]) => `${fault}: ${times}`).join(', ')}`)
  t.diagnostic(history.summary())
  for (const fault of EVERY_FAULT) assert.ok((proxy.happened.get(fault) ?? 0) > 0, `${fault} did not happen`)
})

/** Writers and readers whose every answer is held against all others. */
class History {
  readonly #checker = new Checker()
  readonly #proxy: FaultProxy
  readonly #started = performance.now()
  readonly #outcomes: Record<string, number> = { acknowledged: 0 }
  #again = 0
  #writing = true
  #following = true

  constructor (proxy: FaultProxy) {
    this.#proxy = proxy
  }

  /** The parties, and what happens when the writers are through; the first failure stops all. */
  async all (parties: ReadonlyArray<Promise<void>>, thenDo: () => Promise<void>): Promise<void> {
    const stop = (): void => { this.#writing = this.#following = false }
    const stopping = parties.map((party) => party.catch((error: unknown) => { stop(); throw error }))
    const writers = [...stopping.slice(0, 12), ...stopping.slice(-1)]
    const readers = stopping.slice(12, -1)
    const ending = Promise.all(writers).then(thenDo).finally(stop)
    const settled = await Promise.allSettled([ending, ...readers, ...writers])
    for (const each of settled) if (each.status === 'rejected') throw each.reason
  }

  async write (log: Log, name: string): Promise<void> {
    const random = new Random(seed, name)
    for (let n = 0; this.#writing; n++) {
      const id = `${name}-${n}`
      const append = this.#checker.startAppend(id, random.int(1, 3))
      const messages = Array.from({ length: append.count }, (_, i) => ({ payload: JSON.stringify(`${id}.${i}`), key: 'k'.repeat(random.int(0, 200)) }))
      try {
        const { first, last, calls } = await log.append(TOPIC, messages)
        this.#checker.acknowledged(append, first, last)
        this.#outcomes['acknowledged']!++
        if (calls.reserve > 1) this.#again++
      } catch (error) {
        if (!(error instanceof LogError)) throw error
        const { written, code } = error
        assert.ok(written !== undefined, `${code} of an append says whether it was written`)
        const outcome = `${code} (${written})`
        this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1
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

  async endWritingInTime (): Promise<void> {
    const enough = (): boolean => this.#outcomes['acknowledged']! >= ENOUGH_ACKNOWLEDGED && EVERY_FAULT.every((fault) => this.#proxy.happened.has(fault))
    for (let ms = 0; ms < AT_MOST_MS && this.#writing && !(ms >= AT_LEAST_MS && enough()); ms = performance.now() - this.#started) await wait(50)
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

  summary (): string {
    const outcomes = Object.entries(this.#outcomes).map(([outcome, times]) => `${outcome}: ${times}`)
    return `appends ${outcomes.join(', ')}; ${this.#again} of them at the second range or later; ${this.#checker.reads.length} reads`
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
}
