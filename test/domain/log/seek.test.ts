import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { seekTime } from '../../../src/domain/log/seek.ts'
import { Lines } from '../../../src/domain/segments/lines.ts'
import { decodeSegment, encodeSeal, encodeSegment, type Segment } from '../../../src/domain/segments/segment.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { SegmentEntry } from '../../../src/ports/segment-store.ts'

/** A range of offsets: a segment with a timestamp (ms) for each message, a seal, or a hole. `storedAt` is by the store's clock. */
type Range =
  | { readonly kind: 'messages', readonly timestamps: readonly number[], readonly storedAt: number }
  | { readonly kind: 'seal' | 'hole', readonly count: number, readonly storedAt: number }

interface Message { readonly offset: number, readonly timestamp: number }

function segmentOf (first: number, timestamps: readonly number[]): Segment {
  const text = timestamps.map((timestamp, i) => JSON.stringify({ offset: first + i, payload: 0, timestamp })).join('\n')
  const last = first + timestamps.length - 1
  return { kind: 'messages', first, last, writer: undefined, bytes: text.length, lines: new Lines(Buffer.from(text)) }
}

function sealOf (first: number, last: number): Segment {
  return { kind: 'seal', sealed: 'range', first, last, writer: undefined, bytes: 50 }
}

/** A topic of such ranges from offset 1 on, and how often it was asked. */
function topicOf (ranges: readonly Range[], earliest = 1) {
  const entries: SegmentEntry[] = []
  const segments = new Map<number, Segment>()
  const messages: Message[] = []
  let end = 1
  for (const range of ranges) {
    const first = end
    end += range.kind === 'messages' ? range.timestamps.length : range.count
    const last = end - 1
    if (range.kind === 'hole' || last < earliest) continue
    entries.push({ lastOffset: last, size: 50, lastModified: range.storedAt })
    segments.set(last, range.kind === 'messages' ? segmentOf(first, range.timestamps) : sealOf(first, last))
    if (range.kind === 'messages') messages.push(...range.timestamps.map((timestamp, i) => ({ offset: first + i, timestamp })))
  }
  const calls = { list: 0, get: 0, keys: 0 }
  const storage = {
    list: async (from: number, limit: number) => {
      calls.list++
      const start = entries.findIndex(({ lastOffset: last }) => last >= from)
      const found = start === -1 ? [] : entries.slice(start, start + limit)
      calls.keys += found.length
      return { entries: found, truncated: start !== -1 && start + limit < entries.length, now: 0 }
    },
    segment: async (last: number) => {
      calls.get++
      return segments.get(last)
    }
  }
  const seek = (timeMs: number, limits: { listMax: number } = defaultLimits) => seekTime(storage, { earliest, end }, timeMs, limits)
  return { seek, storage, end, calls, messages: messages.filter(({ offset }) => offset >= earliest) }
}

const at = (...timestamps: number[]): Range => ({ kind: 'messages', timestamps, storedAt: timestamps[0]! })

test('finds the first message at or after a time', async () => {
  const { seek } = topicOf([at(100, 100), at(200), at(300, 300, 300)])
  const expected = [[-Infinity, 1], [99, 1], [100, 1], [101, 3], [200, 3], [201, 4], [300, 4], [301, 7], [Infinity, 7]] as const
  for (const [time, offset] of expected) assert.equal(await seek(time), offset, `at ${time}`)
})

test('an empty topic, and one whose messages are all trimmed, begins at its end', async () => {
  assert.equal(await topicOf([]).seek(5), 1)
  const { seek, calls } = topicOf([at(100), at(200)], 3)
  assert.equal(await seek(5), 3)
  assert.deepEqual(calls, { list: 0, get: 0, keys: 0 })
})

test('messages below earliest do not count, inside of a segment neither', async () => {
  const { seek } = topicOf([at(100), at(100, 200, 300, 400), at(500)], 4)
  const expected = [[100, 4], [250, 4], [301, 5], [450, 6], [501, 7]] as const
  for (const [time, offset] of expected) assert.equal(await seek(time), offset, `at ${time}`)
})

test('messages of one segment may have different timestamps', async () => {
  const { seek } = topicOf([at(100, 110, 120, 130, 140), at(200, 210)])
  const expected = [[111, 3], [120, 3], [139, 5], [141, 6], [205, 7]] as const
  for (const [time, offset] of expected) assert.equal(await seek(time), offset, `at ${time}`)
})

test('skips holes and seals, however late a seal was put', async () => {
  const seal: Range = { kind: 'seal', count: 2, storedAt: 9_000_000 }
  const hole: Range = { kind: 'hole', count: 3, storedAt: 0 }
  const { seek, messages } = topicOf([seal, at(100), hole, seal, seal, at(200), seal, hole, at(300), hole, seal])
  for (const time of [50, 100, 101, 200, 201, 300, 301, 9_000_000]) {
    const offset = await seek(time, { listMax: 2 })
    assert.deepEqual(split(messages, offset).after[0], messages.find(({ timestamp }) => timestamp >= time), `at ${time}`)
  }
})

test('after the last message is a hole that may still be filled', async () => {
  const { seek, end } = topicOf([at(100), { kind: 'hole', count: 5, storedAt: 0 }])
  assert.equal(await seek(101), 2)
  assert.equal(end, 7)
})

test('where messages have no timestamp, or are damaged, the time at which they were stored counts', async () => {
  const { storage, end } = topicOf([at(100), at(200), at(300), at(400)])
  const segment = async (last: number): Promise<Segment | undefined> => {
    if (last === 2) throw new LogError('segment_corrupt', 'damaged')
    const found = await storage.segment(last)
    const lines = new Lines(Buffer.from('{"offset":3,"payload":1,"timestamp":"then"}'))
    return last === 3 && found?.kind === 'messages' ? { ...found, lines } : found
  }
  for (const [time, offset] of [[100, 1], [150, 2], [200, 2], [250, 3], [301, 4], [401, 5]] as const) {
    assert.equal(await seekTime({ ...storage, segment }, { earliest: 1, end }, time, defaultLimits), offset, `at ${time}`)
  }
  const unavailable = async (): Promise<never> => { throw new StoreError('unavailable', 'none', 'reset') }
  await assert.rejects(seekTime({ ...storage, segment: unavailable }, { earliest: 1, end }, 250, defaultLimits), { failure: 'unavailable' })
})

test('reads what is stored, compressed, in batches and sealed', async () => {
  const store = createMemorySegmentStore(() => 1_000)
  const put = (first: number, count: number, timestamp: number) => {
    const messages = Array.from({ length: count }, (_, i) => ({ payload: `"${'x'.repeat(i)}"`, key: 'k' }))
    const { object } = encodeSegment(messages, { first, timestamp, writer: 'w', compression: 'zstd', compressOverBytes: 10 })
    return store.putIfAbsent('t', first + count - 1, object, { reservedAtMs: null })
  }
  await put(1, 3, 500)
  await store.putIfAbsent('t', 9, encodeSeal(4, 9, 'range', 'w'), { reservedAtMs: null })
  await put(10, 1, 600)
  await put(11, 20, 700)
  const storage = {
    list: (from: number, limit: number) => store.list('t', from, limit),
    segment: async (last: number) => {
      const object = await store.get('t', last)
      return object && decodeSegment(object, 't', last)
    }
  }
  for (const [time, offset] of [[500, 1], [501, 4], [600, 4], [601, 11], [700, 11], [701, 31]] as const) {
    assert.equal(await seekTime(storage, { earliest: 1, end: 31 }, time, defaultLimits), offset, `at ${time}`)
  }
})

/** A topic whose offset n is one segment of one message, reserved n seconds after the start. Nothing of it is kept in memory. */
function longTopic (
  count: number, options: { skew?: number, storedAt?: (offset: number) => number, seal?: (offset: number) => boolean } = {}
) {
  const { skew = 0, storedAt = (offset) => offset * 1_000 + 50, seal = () => false } = options
  const calls = { list: 0, get: 0 }
  const storage = {
    list: async (from: number, limit: number) => {
      calls.list++
      const length = Math.max(0, Math.min(limit, count - from + 1))
      const entries = Array.from({ length }, (_, i) => ({ lastOffset: from + i, size: 50, lastModified: storedAt(from + i) }))
      return { entries, truncated: from + limit <= count, now: 0 }
    },
    segment: async (last: number): Promise<Segment> => {
      calls.get++
      return seal(last) ? sealOf(last, last) : segmentOf(last, [last * 1_000 + skew])
    }
  }
  return { calls, seek: (timeMs: number) => seekTime(storage, { earliest: 1, end: count + 1 }, timeMs, defaultLimits) }
}

const MILLION = 1_000_000
/** Halvings from a million offsets down to the thousand keys of a LIST, that LIST, and one beside it if the answer is at its edge. */
const LISTS = 12

test('in a million segments it takes at most twelve LISTs and a few GETs, where the clocks agree', async () => {
  for (const offset of [1, 2, 999, 1_000, 123_456, 500_000, 500_001, MILLION]) {
    const { seek, calls } = longTopic(MILLION)
    assert.equal(await seek(offset * 1_000 - 500), offset)
    assert.ok(calls.list <= LISTS && calls.get <= 4, `at ${offset}: ${JSON.stringify(calls)}`)
  }
})

test('clocks that differ from the store\'s cost a few GETs more, and never a wrong answer', async () => {
  const hour = 3_600_000
  const wrong = [5_000, -5_000, 60_000, -60_000, 10 * hour, -10 * hour, 1_000_000 * hour, -1_000_000 * hour]
  for (const skew of wrong) {
    for (const offset of [1, 123_456, MILLION]) {
      const { seek, calls } = longTopic(MILLION, { skew })
      assert.equal(await seek(offset * 1_000 + skew), offset)
      const segmentsOff = Math.min(MILLION, Math.abs(skew) / 1_000)
      const bound = 2 * Math.ceil(Math.log2(segmentsOff)) + 4
      const told = `skew ${skew} at ${offset}: ${JSON.stringify(calls)} > ${bound}`
      assert.ok(calls.get <= bound && calls.list <= LISTS + 2 + Math.max(0, bound - 20), told)
    }
  }
})

test('objects that were all stored at one time, as after a copy of the bucket, are found by their timestamps', async () => {
  for (const copiedAt of [0, 10_000_000_000]) {
    const { seek, calls } = longTopic(MILLION, { storedAt: () => copiedAt })
    assert.equal(await seek(700_000_000), 700_000)
    assert.ok(calls.get <= 42 && calls.list <= 52, JSON.stringify(calls))
  }
})

test('lone seals that were put late do not mislead the search', async () => {
  const seal = (offset: number): boolean => offset % 4 !== 0
  const { seek, calls } = longTopic(MILLION, { seal, storedAt: (offset) => seal(offset) ? 5_000_000_000 : offset * 1_000 + 50 })
  assert.equal(await seek(123_456_000), 123_453)
  assert.ok(calls.get <= 10 && calls.list <= LISTS, JSON.stringify(calls))
})

test('a long run of late seals costs a bounded number of calls, and no message is skipped', async () => {
  const { seek, calls } = longTopic(MILLION, {
    seal: (offset) => offset > 400_000 && offset <= 450_000,
    storedAt: (offset) => offset > 400_000 && offset <= 450_000 ? 5_000_000_000 : offset * 1_000 + 50
  })
  for (const time of [400_000_000, 400_000_500, 420_000_000, 450_001_000]) {
    Object.assign(calls, { list: 0, get: 0 })
    const offset = await seek(time)
    assert.ok(time === 400_000_000 ? offset === 400_000 : offset > 400_000 && offset <= 450_001, `${offset}`)
    assert.ok(calls.get <= 600 && calls.list <= 300, JSON.stringify(calls))
  }
})

function split (messages: readonly Message[], offset: number): { before: readonly Message[], after: readonly Message[] } {
  return { before: messages.filter((message) => message.offset < offset), after: messages.filter((message) => message.offset >= offset) }
}

interface Plan {
  readonly kind: Range['kind']
  readonly count: number
  readonly gapMs: number
  readonly putMs: number
  readonly writer: number
  readonly jitterMs: number
}

const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom<Range['kind']>('messages', 'messages', 'messages', 'seal', 'hole'),
  count: fc.integer({ min: 1, max: 4 }),
  gapMs: fc.constantFrom(0, 1, 10, 1_000, 60_000),
  putMs: fc.constantFrom(0, 5, 100, 20_000, 5_000_000),
  writer: fc.nat(2),
  jitterMs: fc.constantFrom(0, 0, 0, 3, 50)
})

/** Ranges in the order of their reservations: timestamps by the clocks of their writers, times of puts by the store's. */
function rangesOf (plans: readonly Plan[], skews: readonly number[]): { ranges: Range[], spread: number } {
  let now = 1_000_000
  const off: number[] = []
  const ranges = plans.map(({ kind, count, gapMs, putMs, writer, jitterMs }): Range => {
    now += gapMs
    const storedAt = Math.floor((now + putMs) / 1_000) * 1_000
    if (kind !== 'messages') return { kind, count, storedAt }
    const timestamps = Array.from({ length: count }, (_, i) => now + skews[writer]! + (i % 2) * jitterMs)
    off.push(...timestamps.map((timestamp) => timestamp - now))
    return { kind, timestamps, storedAt }
  })
  return { ranges, spread: off.length === 0 ? 0 : Math.max(...off) - Math.min(...off) }
}

test('it is exact up to how much the clocks of the writers differ', async () => {
  const skews = fc.tuple(...Array.from({ length: 3 }, () => fc.constantFrom(0, 0, 2, -700, 40_000, -3_000_000)))
  let answers = 0
  const topic = fc.record({
    plans: fc.array(plan, { maxLength: 60 }),
    skewsMs: skews,
    earliest: fc.nat(70),
    listMax: fc.constantFrom(1, 3, 1_000),
    picks: fc.array(fc.nat(), { minLength: 1, maxLength: 8 })
  })
  await fc.assert(fc.asyncProperty(topic, async ({ plans, skewsMs, earliest, listMax, picks }) => {
    const { ranges, spread } = rangesOf(plans, skewsMs)
    const all = topicOf(ranges)
    const { seek, messages, end } = topicOf(ranges, Math.min(all.end, earliest + 1))
    const times = messages.length === 0 ? [0] : picks.map((pick) => messages[pick % messages.length]!.timestamp + pick % 3 - 1)
    for (const time of times) {
      const offset = await seek(time, { listMax })
      answers++
      assert.ok(offset >= Math.min(end, earliest + 1) && offset <= end)
      const { before, after } = split(messages, offset)
      assert.ok((before.at(-1)?.timestamp ?? -Infinity) < time && (after[0]?.timestamp ?? Infinity) >= time)
      for (const { timestamp } of before) assert.ok(timestamp < time + spread, `${timestamp} is not before ${time} + ${spread}`)
      for (const { timestamp } of after) assert.ok(timestamp >= time - spread, `${timestamp} is before ${time} - ${spread}`)
    }
  }), { numRuns: 1_000 })
  assert.ok(answers > 1_000)
})
