import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { StoreError } from '../../src/ports/errors.ts'
import type { OffsetCounter, Reservation } from '../../src/ports/offset-counter.ts'

export interface OffsetCounterContractOptions {
  /** A reason to skip the whole suite, or false. */
  readonly skip?: string | false | undefined
  /** The adapter waits for an answer from elsewhere, so that an aborted signal ends the wait. */
  readonly io?: boolean | undefined
  /** `writerReservedAtMs` is by the counter's own clock; otherwise by the caller's. */
  readonly ownTime?: boolean | undefined
  /** How many are made at once; fewer where each takes long, as one that times out is made again and leaves a gap. */
  readonly reservations?: number
}

/** How far a counter's clock may be from this machine's in a test, whole seconds and a slow machine included. */
const SKEW_MS = 5_000
/** A writer's clock, far enough from the real one that the two can't be taken for each other. */
const WRITER_NOW = 1_702_000_000_123

/** What every OffsetCounter keeps to (log §2.2). `open` gives an empty counter and cleans up after `t`. */
export function offsetCounterContract (
  name: string,
  open: (t: TestContext) => Promise<OffsetCounter> | OffsetCounter,
  options: OffsetCounterContractOptions = {}
): void {
  describe(`${name} keeps the contract of OffsetCounter`, { skip: options.skip ?? false }, () => {
    const { reservations: concurrent = 1_000 } = options
    test(`${concurrent} concurrent reservations of mixed sizes are disjoint and dense`, async (t) => {
      const counter = await open(t)
      const sizes = Array.from({ length: concurrent }, (_, i) => 1 + (i * 7) % 13)
      const reservations = await Promise.all(sizes.map((size) => counter.reserve('t', size, { now: WRITER_NOW })))
      assert.deepEqual(reservations.map(({ first, last }) => last - first + 1), sizes)
      let expected = 1
      for (const { first, last } of reservations.toSorted((a, b) => a.first - b.first)) {
        assert.equal(first, expected)
        expected = last + 1
      }
      assert.equal((await counter.read('t'))?.currentOffset, expected - 1)
    })

    test('the first reservation starts at 1, and ranges follow each other', async (t) => {
      const counter = await open(t)
      assert.deepEqual(range(await counter.reserve('t', 1, { now: WRITER_NOW })), [1, 1])
      assert.deepEqual(range(await counter.reserve('t', 1_000, { now: WRITER_NOW })), [2, 1_001])
      assert.deepEqual(range(await counter.reserve('t', 1, { now: WRITER_NOW })), [1_002, 1_002])
    })

    test('a reservation tells the counter\'s own time, not the writer\'s', async (t) => {
      const counter = await open(t)
      const { reservedAtMs: at } = await counter.reserve('t', 1, { now: WRITER_NOW })
      assert.ok(Math.abs(at - Date.now()) < SKEW_MS, `${at} is about now`)
    })

    test('the state has the newest reservation', async (t) => {
      const counter = await open(t)
      assert.equal(await counter.read('t'), undefined)
      await counter.reserve('t', 3, { now: WRITER_NOW })
      assert.deepEqual(state(await counter.read('t')), { currentOffset: 3, earliest: 1, deletedAtOffset: undefined })
      await counter.reserve('t', 2, { now: WRITER_NOW + 7 })
      assert.deepEqual(state(await counter.read('t')), { currentOffset: 5, earliest: 1, deletedAtOffset: undefined })
    })

    test('the state has the time of the newest reservation', async (t) => {
      const counter = await open(t)
      const expected = options.ownTime === true ? Date.now() : WRITER_NOW
      for (const topic of ['t', 't', 'u']) {
        await counter.reserve(topic, 1, { now: WRITER_NOW })
        const { writerReservedAtMs: reservedAt } = (await counter.read(topic))!
        assert.ok(Math.abs(reservedAt! - expected) < (options.ownTime === true ? SKEW_MS : 1), `${reservedAt} is about ${expected}`)
      }
    })

    test('the time of the newest reservation can be set to an earlier one, of an older reservation not', async (t) => {
      const counter = await open(t)
      const time = async (): Promise<number | undefined> => (await counter.read('t'))?.writerReservedAtMs
      await counter.correctReservedAt('t', { currentOffset: 0, reservedAtMs: WRITER_NOW })
      assert.equal(await time(), undefined)
      await counter.reserve('t', 3, { now: WRITER_NOW })
      const before = (await time())!
      await counter.correctReservedAt('t', { currentOffset: 2, reservedAtMs: before - 10 })
      await counter.correctReservedAt('t', { currentOffset: 4, reservedAtMs: before - 10 })
      await counter.correctReservedAt('t', { currentOffset: 3, reservedAtMs: before + 10 })
      assert.equal(await time(), before)
      await counter.correctReservedAt('t', { currentOffset: 3, reservedAtMs: before - 10 })
      await counter.correctReservedAt('t', { currentOffset: 3, reservedAtMs: before - 5 })
      assert.equal(await time(), before - 10)
      assert.deepEqual(state(await counter.read('t')), { currentOffset: 3, earliest: 1, deletedAtOffset: undefined })
    })

    test('topics are apart', async (t) => {
      const counter = await open(t)
      const topics = ['a', 'a.b', 'ab', 'A']
      for (const [i, topic] of topics.entries()) await counter.reserve(topic, i + 1, { now: WRITER_NOW })
      await counter.raiseEarliest('a', 2)
      await counter.markDeleted('ab', 3)
      const states = await Promise.all(topics.map(async (topic) => state(await counter.read(topic))))
      assert.deepEqual(states, [
        { currentOffset: 1, earliest: 2, deletedAtOffset: undefined },
        { currentOffset: 2, earliest: 1, deletedAtOffset: undefined },
        { currentOffset: 3, earliest: 1, deletedAtOffset: 3 },
        { currentOffset: 4, earliest: 1, deletedAtOffset: undefined }
      ])
    })

    test('earliest moves up and never down', async (t) => {
      const counter = await open(t)
      await counter.reserve('t', 20, { now: WRITER_NOW })
      await counter.raiseEarliest('t', 10)
      await counter.raiseEarliest('t', 9)
      await counter.raiseEarliest('t', 10)
      assert.equal((await counter.read('t'))?.earliest, 10)
      await Promise.all([11, 18, 12, 17, 13, 16, 14, 15].map((to) => counter.raiseEarliest('t', to)))
      assert.deepEqual(state(await counter.read('t')), { currentOffset: 20, earliest: 18, deletedAtOffset: undefined })
      await counter.reserve('t', 1, { now: WRITER_NOW })
      assert.equal((await counter.read('t'))?.earliest, 18)
    })

    test('earliest can be raised before the first reservation, which still starts at 1', async (t) => {
      const counter = await open(t)
      await counter.raiseEarliest('t', 5)
      assert.deepEqual(range(await counter.reserve('t', 1, { now: WRITER_NOW })), [1, 1])
      assert.deepEqual(state(await counter.read('t')), { currentOffset: 1, earliest: 5, deletedAtOffset: undefined })
    })

    test('a deleted topic keeps its counter and its mark', async (t) => {
      const counter = await open(t)
      await counter.reserve('t', 4, { now: WRITER_NOW })
      await counter.markDeleted('t', 4)
      assert.deepEqual(state(await counter.read('t')), { currentOffset: 4, earliest: 1, deletedAtOffset: 4 })
      assert.deepEqual(range(await counter.reserve('t', 1, { now: WRITER_NOW + 1 })), [5, 5])
      assert.deepEqual(state(await counter.read('t')), { currentOffset: 5, earliest: 1, deletedAtOffset: 4 })
      await counter.markDeleted('t', 5)
      assert.equal((await counter.read('t'))?.deletedAtOffset, 5)
    })

    test('check resolves', async (t) => {
      const counter = await open(t)
      await counter.check()
    })

    // What never waits has nothing to end.
    if (options.io !== true) return
    test('an aborted signal ends the wait as a time-out', async (t) => {
      const counter = await open(t)
      const signal = AbortSignal.abort()
      const timeout = (error: unknown): boolean => error instanceof StoreError && error.failure === 'timeout'
      await assert.rejects(counter.reserve('t', 1, { now: WRITER_NOW, signal }), timeout)
      await assert.rejects(counter.read('t', { signal }), timeout)
      await assert.rejects(counter.correctReservedAt('t', { currentOffset: 1, reservedAtMs: WRITER_NOW }, { signal }), timeout)
      await assert.rejects(counter.raiseEarliest('t', 2, { signal }), timeout)
      await assert.rejects(counter.markDeleted('t', 1, { signal }), timeout)
      await assert.rejects(counter.check({ signal }), timeout)
    })
  })
}

function range ({ first, last }: Reservation): [number, number] {
  return [first, last]
}

/** For comparing: exactly the fields of the port but the time, absent ones as undefined. */
function state (read: Awaited<ReturnType<OffsetCounter['read']>>): unknown {
  if (read === undefined) return undefined
  const { currentOffset, earliest, deletedAtOffset } = read
  return { currentOffset, earliest, deletedAtOffset }
}
