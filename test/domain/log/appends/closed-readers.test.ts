import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { defaultLimits } from '../../../../src/domain/limits.ts'
import type { Follower, Log, Page } from '../../../../src/domain/log/log.ts'
import { encodeSeal } from '../../../../src/domain/segments/segment.ts'
import { diesBeforePut, messages, refusal } from '../../../support/appends.ts'
import { payloadsOf } from '../../../support/http/pages.ts'
import { failing } from '../../../support/storage/faults.ts'
import { reserve } from '../../../support/storage/reserve.ts'
import { testLog } from '../../../support/test-log.ts'

const close = true
const size = { limit: 100, maxBytes: 1_000_000 }
const long = 15_000

const read = (log: Log, from = 1, limit = 100): Promise<Page> => log.read('t', { from, limit, maxBytes: 1_000_000 })

function told ({ nextOffset, end, closed, ...page }: Page): object {
  return { payloads: payloadsOf(page), nextOffset, end, closed }
}

function follower (t: TestContext, log: Log, from = 1): Follower {
  const made = log.follow('t', from)
  t.after(() => { made.close() })
  return made
}

test('a page says that the topic is closed when it reaches the end, whichever way it was closed', async (t) => {
  for (const last of [messages(3), []]) {
    const { log, other, start } = testLog(t)
    await log.append('t', messages(1, 2, ...last.length === 0 ? [3] : []))
    assert.equal((await read(log)).closed, false)
    await log.append('t', last, { close })
    for (const reader of [log, other, start().log]) {
      assert.deepEqual(told(await read(reader)), { payloads: [1, 2, 3], nextOffset: 4, end: 4, closed: true })
      assert.deepEqual(told(await read(reader, 1, 2)), { payloads: [1, 2], nextOffset: 3, end: 4, closed: false }, 'a limit')
      assert.deepEqual(told(await read(reader, 4)), { payloads: [], nextOffset: 4, end: 4, closed: true }, 'at the end')
      assert.equal((await refusal(read(reader, 5)))['code'], 'offset_out_of_range')
    }
  }
})

test('a hole below the end is not passed by: closed is told only after it', async (t) => {
  const { log, other, topics, clock } = testLog(t)
  await log.append('t', messages(1))
  await reserve(topics, 't', 1, { now: clock.wall() })
  await log.append('t', [], { close })
  assert.deepEqual(told(await read(other)), { payloads: [1], nextOffset: 2, end: 3, closed: false })
  await clock.sleep(defaultLimits.holeGraceMs + 1)
  assert.deepEqual(told(await read(other)), { payloads: [1], nextOffset: 3, end: 3, closed: true })
})

test('while a close is open, and when it is void, a topic is not closed', async (t) => {
  const { log, other, start, clock, segments } = testLog(t)
  await log.append('t', messages(1))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(9), { close }))
  await clock.sleep(100)
  assert.deepEqual(told(await read(other)), { payloads: [1], nextOffset: 2, end: 3, closed: false })
  await segments.putIfAbsent('t', 2, encodeSeal(2, 2, 'hole'), { reservedAtMs: null })
  for (const reader of [other, log]) assert.deepEqual(told(await read(reader)), { payloads: [1], nextOffset: 3, end: 3, closed: false })
  await lost
})

test('a close that stands is told although nobody has noted it', async (t) => {
  const { log, other, start, faults } = testLog(t)
  faults.topics.markClosed = failing('unavailable', 'none')
  await log.append('t', messages(1, 2), { close })
  for (const reader of [other, start().log]) {
    assert.deepEqual(told(await read(reader, 3)), { payloads: [], nextOffset: 3, end: 3, closed: true })
    assert.deepEqual(told(await read(reader, 1, 1)), { payloads: [1], nextOffset: 2, end: 3, closed: false })
    assert.deepEqual(told(await read(reader)), { payloads: [1, 2], nextOffset: 3, end: 3, closed: true })
  }
})

test('isClosed tells of closes that are noted, that stand, and that are open', async (t) => {
  const { log, other, start, faults, topics, clock } = testLog(t)
  const isClosed = async (process: Log): Promise<boolean> => process.isClosed('t', (await topics.read('t'))!)
  await log.append('t', messages(1))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(9), { close }))
  await clock.sleep(100)
  assert.equal(await isClosed(other), false, 'open')
  await log.append('t', messages(2))
  assert.equal(await isClosed(other), false, 'void')
  faults.topics.markClosed = failing('unavailable', 'none')
  await log.append('t', messages(3), { close })
  for (const process of [log, other]) assert.equal(await isClosed(process), true, 'it stands')
  await other.append('t', [], { close })
  await topics.markClosed('t', 4)
  assert.equal(await isClosed(other), true, 'it is noted')
  await lost
})

test('a follower ends with the last append of its own process', async (t) => {
  const { log, calls, clock } = testLog(t)
  const reader = follower(t, log)
  await reader.next(size, 0)
  const [first, before] = [reader.next(size, long), { ...calls }]
  assert.deepEqual(await log.append('t', messages(1, 2), { close }), { first: 1, last: 2, closed: true })
  assert.deepEqual(told(await first), { payloads: [1, 2], nextOffset: 3, end: 3, closed: true })
  assert.deepEqual([calls.get - before.get, calls.list - before.list], [0, 0])

  const startedAt = clock.monotonic()
  assert.deepEqual(told(await follower(t, log, 3).next(size, long)), { payloads: [], nextOffset: 3, end: 3, closed: true })
  assert.equal(clock.monotonic(), startedAt, 'at once')
})

test('a follower hears of a page at a time that the topic is closed', async (t) => {
  const { log } = testLog(t)
  const reader = follower(t, log)
  await reader.next(size, 0)
  const next = reader.next({ limit: 1, maxBytes: 1_000 }, long)
  await log.append('t', messages(1, 2), { close })
  assert.deepEqual(told(await next), { payloads: [1], nextOffset: 2, end: 3, closed: false })
  assert.deepEqual(told(await reader.next(size, long)), { payloads: [2], nextOffset: 3, end: 3, closed: true })
})

test('waiting followers end when the topic is closed alone, here or elsewhere, or with a last append elsewhere', async (t) => {
  for (const [closer, last] of [['log', []], ['other', []], ['other', messages(2)]] as const) {
    const test = testLog(t)
    await test.log.append('t', messages(1))
    const reader = follower(t, test.log, 2)
    assert.equal((await reader.next(size, 0)).closed, false)
    const next = reader.next(size, long)
    await test.clock.sleep(2_000)
    const closedAt = test.clock.monotonic()
    await test[closer].append('t', last, { close })
    const end = 2 + last.length
    assert.deepEqual(told(await next), { payloads: last.length === 0 ? [] : [2], nextOffset: end, end, closed: true })
    assert.ok(test.clock.monotonic() - closedAt <= (closer === 'log' ? 0 : defaultLimits.followPollMaxMs), `${closer}: ${last.length}`)
  }
})

test('a long poll does not end at a close that is void', async (t) => {
  const { log, start, clock } = testLog(t)
  await log.append('t', messages(1))
  const reader = follower(t, log, 2)
  await reader.next(size, 0)
  const next = reader.next(size, long)
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(9), { close }))
  const startedAt = clock.monotonic()
  assert.deepEqual(told(await next), { payloads: [], nextOffset: 3, end: 3, closed: false })
  assert.ok(clock.monotonic() - startedAt >= long - 1_000)
  await lost
})

test('what others append above the end of a closed topic is read by nobody', async (t) => {
  const { log, start, clock, segments, topics } = testLog(t)
  for (const n of [1, 2, 3]) await log.append('t', messages(n))
  await log.append('t', messages(4), { close })
  await clock.sleep(1)
  // An older version counts up without a look at `closed`.
  const process = start()
  process.faults.topics.read = async () => ({ ...(await topics.read('t'))!, currentOffset: 5 })
  const above = { body: Buffer.from('{"offset":5,"payload":9}'), contentType: 'application/json', metadata: {} }
  await segments.putIfAbsent('t', 5, above, { reservedAtMs: null })
  assert.deepEqual(told(await read(process.log)), { payloads: [1, 2, 3, 4], nextOffset: 5, end: 5, closed: true })
  assert.deepEqual(told(await read(process.log, 5)), { payloads: [], nextOffset: 5, end: 5, closed: true })
})
