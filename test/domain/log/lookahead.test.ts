import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import { encodeSegment } from '../../../src/domain/segments/segment.ts'
import { textsOf } from '../../support/http/pages.ts'
import { reserve } from '../../support/storage/reserve.ts'
import { testLog } from '../../support/test-log.ts'

/** A segment to be: so many messages, each of so many bytes, that zstd makes so many times smaller. */
interface Shape { readonly count: number, readonly length: number, readonly ratio: number }

interface Stored { readonly bytes: number, readonly ratio: number, readonly message: number }

const KiB = 1024
/** Small, so that small segments show what large ones would do. */
const limits = { readAheadBytes: 16 * KiB }
const noise = randomBytes(64 * KiB).toString('base64')

/** A topic of such segments, and what GETs have fetched of it, decompressed. `hole` is left empty before that segment. */
async function topicOf (
  t: TestContext, shapes: readonly Shape[], { hole, limits: more }: { hole?: number, limits?: Partial<Limits> } = {}
) {
  const { log, clock, segments, topics, faults } = testLog(t, { compression: 'zstd', limits: { ...limits, ...more } })
  const stored = new Map<number, Stored>()
  const fetched: number[] = []
  /** GETs under way; answered together, they are a round trip. */
  const waiting: Array<() => void> = []
  const network = { rounds: 0, most: 0 }
  faults.segments.get = async (call, [, last]) => {
    const round = new Promise<void>((resolve) => { waiting.push(resolve) })
    if (waiting.length === 1) {
      clock.timer(1, () => {
        network.rounds++
        network.most = Math.max(network.most, waiting.length)
        for (const answer of waiting.splice(0)) answer()
      })
    }
    await round
    const object = await call()
    if (object !== undefined) fetched.push(stored.get(last)!.bytes)
    return object
  }
  for (const [s, { count, length, ratio }] of shapes.entries()) {
    if (s === hole) await reserve(topics, 't', 1, { now: clock.wall() })
    const { first, last } = await reserve(topics, 't', count, { now: clock.wall() })
    const messages = Array.from({ length: count }, (_, i) => {
      const random = Math.round(length / ratio * 0.75)
      const at = (s * 7_919 + i * 104_729) % (noise.length - random)
      return { payload: `"${noise.slice(at, at + random)}${'x'.repeat(length - random)}"` }
    })
    const { object, segment } = encodeSegment(messages, { first, timestamp: 1, writer: 'w', compression: 'zstd', compressOverBytes: KiB })
    await segments.putIfAbsent('t', last, object, { reservedAtMs: null })
    stored.set(last, { bytes: segment.bytes, ratio: segment.bytes / object.body.length, message: segment.bytes / count })
  }
  return { log, stored: [...stored.values()], fetched, network }
}

async function returned (log: Log, request: { from: number, limit: number, maxBytes: number }): Promise<number> {
  const page = await log.read('t', request)
  return textsOf(page).reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** Segments whose messages are about as long, and compress about as well, as each other: within a factor of two. */
const alike = fc.record({
  ratio: fc.integer({ min: 1, max: 40 }),
  length: fc.integer({ min: 30, max: 3_000 }),
  most: fc.constantFrom(1, 4, 30)
}).chain(({ ratio, length, most }) =>
  fc.array(fc.record({
    count: fc.integer({ min: 1, max: most }),
    length: fc.integer({ min: length, max: Math.round(length * 1.4) }),
    ratio: fc.integer({ min: ratio, max: Math.ceil(ratio * 1.4) })
  }), { minLength: 5, maxLength: 30 }))
const page = fc.record({
  limit: fc.constantFrom(1, 3, 10, 100, 1_000),
  maxBytes: fc.constantFrom(1, 3_000, 20_000, 100_000, 1_000_000),
  from: fc.integer({ min: 1, max: 20 })
})

/** How much larger than expected a segment can be: 32 times its stored size at first, like those before it later. */
function misjudged (stored: readonly Stored[]): number {
  const spread = (values: readonly number[]): number => Math.max(...values) / Math.min(...values)
  const ratios = stored.map(({ ratio }) => ratio)
  return Math.max(1, Math.max(...ratios) / 32, Math.min(spread(ratios), spread(stored.map(({ message }) => message))))
}

test('a page fetches at most twice what it returns, and the segments at its edges', async (t) => {
  await fc.assert(fc.asyncProperty(alike, page, async (shapes, request) => {
    const { log, stored, fetched } = await topicOf(t, shapes)
    const end = 1 + sum(shapes.map(({ count }) => count))
    const got = await returned(log, { ...request, from: Math.min(request.from, end) })
    const edge = Math.max(...stored.map(({ bytes }) => bytes))
    fc.pre(misjudged(stored) <= 2)
    // The edges: where the page begins and ends, and what the two GETs near the topic's end find.
    const bound = 2 * got + 4 * edge
    assert.ok(sum(fetched) <= bound, `${sum(fetched)} bytes in ${fetched.length} segments for ${got} bytes, over ${bound}`)
  }), { numRuns: 150 })
})

test('a page that ends at a hole has fetched at most as much again ahead of it, or little', async (t) => {
  await fc.assert(fc.asyncProperty(alike, fc.nat(), async (shapes, at) => {
    const { log, stored, fetched } = await topicOf(t, shapes, { hole: at % shapes.length })
    const got = await returned(log, { from: 1, limit: 1_000, maxBytes: 4_000_000 })
    const edge = Math.max(...stored.map(({ bytes }) => bytes))
    const bound = got + misjudged(stored) * Math.max(got, limits.readAheadBytes) + 3 * edge
    assert.ok(sum(fetched) <= bound, `${sum(fetched)} bytes in ${fetched.length} segments for ${got} bytes, over ${bound}`)
  }), { numRuns: 150 })
})

// As a topic is that was quiet, and then busy: batches compress far better than the single messages before them.
test('a batch is expected to have messages as long as those before it', async (t) => {
  const singles = Array.from({ length: 6 }, () => ({ count: 1, length: 500, ratio: 1 }))
  const batches = Array.from({ length: 20 }, () => ({ count: 100, length: 500, ratio: 30 }))
  const { log, fetched } = await topicOf(t, [...singles, ...batches])
  const got = await returned(log, { from: 1, limit: 1_000, maxBytes: 60_000 })
  assert.ok(sum(fetched) <= got + 2 * 55_000, `${sum(fetched)} bytes for ${got}`)
})

for (const [what, shape, segments, maxBytes, rounds] of [
  ['40 batches of 100 KiB, ten times smaller', { count: 100, length: KiB, ratio: 10 }, 40, 4 * KiB * KiB, 6],
  ['200 single messages', { count: 1, length: 500, ratio: 1 }, 200, 4 * KiB * KiB, 21],
  ['10 single messages', { count: 1, length: 500, ratio: 1 }, 10, 4 * KiB * KiB, 1]
] as const) {
  test(`round trips of a catch-up read: ${what}`, async (t) => {
    const { log, fetched, network } = await topicOf(t, Array.from({ length: segments }, () => shape), {
      limits: { readAheadBytes: defaultLimits.readAheadBytes }
    })
    // From the second one on, so that the two GETs near the end are not tried.
    const got = await returned(log, { from: 1, limit: segments * shape.count - 1, maxBytes })
    t.diagnostic(`${fetched.length} segments, ${got} bytes in ${network.rounds} rounds, at most ${network.most} at once`)
    assert.ok(network.rounds <= rounds, `${network.rounds} round trips`)
    assert.equal(network.most, Math.min(10, fetched.length))
  })
}
