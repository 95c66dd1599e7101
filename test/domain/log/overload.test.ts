import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { errorKinds } from '../../../src/app/http/problem.ts'
import type { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import { runAppends, runReads, type AppendLoad } from '../../support/storage/overload.ts'
import { testLog } from '../../support/test-log.ts'

/** A link of 10 Mbit/s: the largest segment takes longer than a put's time-out. */
const bytesPerSecond = 1_250_000
const appendTimeoutSeconds = defaultLimits.appendTimeoutMs / 1_000
const readTimeoutSeconds = defaultLimits.readTimeoutMs / 1_000
const load: AppendLoad = { topics: 1, messageBytes: 50_000, loop: 'open', offered: 4 }

for (const topics of [1, 20]) {
  for (const loop of ['open', 'closed'] as const) {
    for (const offered of [0.5, 1, 2, 4]) {
      test(`${loop} loop on ${topics} topics at ${offered} times a link's capacity: it is used well, also after a stall`, async () => {
        const run = await runAppends({
          bytesPerSecond,
          seconds: 50,
          loads: [{ ...load, topics, loop, offered }],
          slow: { from: 20, until: 25, share: 0 }
        })
        const least = loop === 'closed' ? 0.8 : 0.8 * Math.min(1, offered)
        for (const [from, until] of [[5, 20], [35, 50]] as const) {
          const goodput = run.goodput(from, until)
          assert.ok(goodput >= least, `${goodput} of the capacity from ${from} s to ${until} s`)
        }
        assert.ok(run.slowest <= appendTimeoutSeconds, `an append took ${run.slowest} s`)
        for (const outcome of Object.keys(run.outcomes(0, 50))) assert.ok(outcome === 'ok' || outcome.endsWith('(no)'), outcome)
      })
    }
  }
}

test('a slow spell in place of a stall leaves no trace either', async () => {
  const run = await runAppends({
    bytesPerSecond,
    seconds: 60,
    loads: [{ ...load, topics: 20 }],
    slow: { from: 10, until: 40, share: 0.05 }
  })
  const goodput = run.goodput(50, 60)
  assert.ok(goodput >= 0.8, `${goodput} of the capacity`)
})

test('a topic with little to write is not refused because another one floods the link', async () => {
  const run = await runAppends({
    bytesPerSecond,
    seconds: 40,
    loads: [load, { topics: 5, messageBytes: 5_000, loop: 'open', offered: 0.05 }]
  })
  const refused = run.results.filter((result) => result.load === 1 && result.start > 5 && result.outcome !== 'ok')
  assert.deepEqual(refused, [])
  assert.ok(run.goodput(10, 40) >= 0.8)
})

test('a large batch gets its turn among small messages', async () => {
  const large = { topics: 1, messageBytes: 1_500_000, loop: 'open', offered: 0.1 } as const
  const run = await runAppends({ bytesPerSecond, seconds: 60, loads: [{ ...load, topics: 20, messageBytes: 5_000 }, large] })
  const batches = run.results.filter((result) => result.load === 1 && result.start > 5)
  const written = batches.filter(({ outcome }) => outcome === 'ok')
  assert.ok(batches.length >= 4 && written.length >= batches.length - 1, JSON.stringify(batches))
})

const readers = { bytesPerSecond, seconds: 80, segmentBytes: 50_000, segments: 200, maxBytes: 1_000_000 }

for (const count of [10, 100]) {
  test(`${count} readers far behind share a link: it is used well, also after a stall, and nobody is left out`, async () => {
    const run = await runReads({ ...readers, readers: count, slow: { from: 40, until: 45, share: 0 } })
    for (const [from, until] of [[20, 40], [55, 80]] as const) {
      const goodput = run.goodput(from, until)
      assert.ok(goodput >= 0.75, `${goodput} of the capacity from ${from} s to ${until} s`)
    }
    assert.ok(3 * Math.min(...run.bytes) >= Math.max(...run.bytes), `${Math.min(...run.bytes)} to ${Math.max(...run.bytes)} bytes`)
    assert.ok(run.slowest <= readTimeoutSeconds, `a read took ${run.slowest} s`)
  })
}

test('more readers than the link has segments for still get what it carries, and each an answer in time', async () => {
  const run = await runReads({ ...readers, readers: 300, segmentBytes: 100_000 })
  assert.ok(run.goodput(20, 80) >= 0.6, `${run.goodput(20, 80)}`)
  assert.ok(run.slowest <= readTimeoutSeconds, `a read took ${run.slowest} s`)
})

/** A log whose puts of segments stay unanswered until they are let go. */
function setUp (t: TestContext, limits: Partial<Limits> = {}) {
  const { log, clock, calls, faults } = testLog(t, { limits })
  const puts: Array<() => void> = []
  faults.segments.putIfAbsent = async (call, [,, object]) => {
    if (object.metadata['sealed'] === undefined) await new Promise<void>((resolve) => { puts.push(resolve) })
    return call()
  }
  const outcomes: string[] = []
  const append = (topic: string, bytes: number): void => {
    const began = clock.monotonic()
    log.append(topic, [{ payload: `"${'x'.repeat(bytes)}"` }]).then(
      ({ first }) => { outcomes.push(`offset ${first}`) },
      ({ code, written }: LogError) => {
        outcomes.push(`${code}, written ${written}, retriable ${errorKinds[code].retriable}, after ${clock.monotonic() - began} ms`)
      })
  }
  return { log, puts, calls, outcomes, append, pass: (ms: number) => clock.sleep(ms) }
}

test('appends beyond the backlog are refused at once, before a reservation', async (t) => {
  const { append, pass, outcomes, calls } = setUp(t, { windowBytesInitial: 100_000, overloadedAfterMs: 100, putTimeoutMs: 2_000 })
  append('t', 50_000)
  await pass(1)
  for (let i = 0; i < 10; i++) append('t', 50_000)
  await pass(150)
  assert.deepEqual(outcomes, [], 'a burst may wait')
  append('t', 10)
  await pass(0)
  assert.deepEqual(outcomes, ['overloaded, written no, retriable true, after 0 ms'])
  assert.equal(calls.reserve, 1)
})

test('no burst is larger than the bound in bytes', async (t) => {
  const { append, pass, outcomes } = setUp(t, { windowBytesInitial: 20_000, backlogBytesMax: 200_000 })
  append('t', 50_000)
  await pass(1)
  for (let i = 0; i < 5; i++) append('t', 50_000)
  await pass(0)
  assert.equal(outcomes.length, 2)
})

test('an append that can\'t be written in time any more is refused then, not written late', async (t) => {
  const { append, pass, outcomes, calls } = setUp(t, { putTimeoutMs: 2_000, storeCallsMax: 1 })
  // It holds the link, and its topic, until it gives up.
  append('t', 10)
  await pass(100)
  append('t', 20)
  append('u', 30)
  await pass(12_999)
  assert.deepEqual(outcomes, [])
  await pass(1)
  const refused = 'overloaded, written no, retriable true, after 13000 ms'
  assert.deepEqual(outcomes, [refused, refused])
  assert.equal(calls.reserve, 1)
})

test('a refused append does not keep the log from closing', async (t) => {
  const { log, append, pass, outcomes } = setUp(t, { backlogBytesMax: 1_000, windowBytesMin: 10, windowBytesInitial: 10 })
  append('t', 10_000)
  await pass(0)
  assert.match(outcomes[0]!, /^overloaded/)
  await log.close()
})

test('puts in flight are bounded for the process, and topics take turns', async (t) => {
  const { append, pass, puts, outcomes } = setUp(t, { storeCallsMax: 2 })
  for (const topic of ['a', 'b', 'c', 'd']) append(topic, 10)
  await pass(1)
  for (const topic of ['a', 'b']) append(topic, 10)
  await pass(1)
  assert.equal(puts.length, 2)
  for (const put of puts) put()
  await pass(1)
  assert.equal(puts.length, 4, 'c and d before the second of a and b')
  assert.deepEqual(outcomes, ['offset 1', 'offset 1'])
  puts[2]!()
  puts[3]!()
  await pass(1)
  assert.equal(puts.length, 6)
})
