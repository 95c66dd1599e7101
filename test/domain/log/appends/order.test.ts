import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diesBeforePut, lastOffsets, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { testLog } from '../../../support/test-log.ts'

const outOfOrder = (order: string): object => ({ code: 'out_of_order', order, written: 'no' })

test('an append with an order is stored only above the last one', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(1), { order: 'b' })
  assert.deepEqual(await refusal(other.append('t', messages(9), { order: 'a' })), outOfOrder('b'))
  assert.deepEqual(await refusal(log.append('t', messages(9), { order: 'b' })), outOfOrder('b'), 'a repeat is not recognised')
  await log.append('t', messages(2))
  assert.deepEqual(await other.append('t', messages(3), { order: 'b0' }), { first: 3, last: 3 })
  assert.deepEqual(await refusal(log.append('t', messages(9), { order: 'b' })), outOfOrder('b0'), 'by what others have written')
  assert.deepEqual(await stored(log), ['1 1', '2 2', '3 3'])
})

test('orders are compared as UTF-8 bytes', async (t) => {
  const { log } = testLog(t)
  const ascending = ['10', '9', 'Z', 'a', 'é', '\uffff', '😀']
  for (const order of ascending) await log.append('t', messages(1), { order })
  for (const order of ascending) assert.deepEqual(await refusal(log.append('t', messages(9), { order })), outOfOrder('😀'))
})

test('those that leave together are stored in the order in which they came', async (t) => {
  const { log, segments } = testLog(t)
  const answers = await Promise.all([
    log.append('t', messages(1), { order: 'a' }), log.append('t', messages(2)), log.append('t', messages(3), { order: 'b' }),
    refusal(log.append('t', messages(9), { order: 'b' })), log.append('t', messages(4), { order: 'c' })
  ])
  assert.deepEqual(answers, [{ first: 1, last: 1 }, { first: 2, last: 2 }, { first: 3, last: 3 }, outOfOrder('b'), { first: 4, last: 4 }])
  assert.deepEqual(await lastOffsets(segments), [2, 3, 4])
})

test('an order whose range is void does not count, and the one before does', async (t) => {
  const { log, other, start, clock } = testLog(t)
  await log.append('t', messages(1), { order: 'b' })
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(9), { order: 'z' }))
  await clock.sleep(100)
  assert.deepEqual(await refusal(log.append('t', messages(9), { order: 'a' })), outOfOrder('b'))
  assert.deepEqual(await other.append('t', messages(2), { order: 'c' }), { first: 3, last: 3 })
  await lost
  assert.deepEqual(await stored(log), ['1 1', '3 2'])
})

test('an order that is still being put is waited for', async (t) => {
  const { log, other, clock, faults } = testLog(t)
  faults.segments.putIfAbsent = async (call) => {
    await clock.sleep(2_000)
    return call()
  }
  const slow = log.append('t', messages(1), { order: 'b' })
  await clock.sleep(100)
  assert.deepEqual(await refusal(other.append('t', messages(9), { order: 'a' })), outOfOrder('b'))
  assert.deepEqual(await slow, { first: 1, last: 1 })
})

test('a trim keeps the order of what it removes, whether that was known to stand or is void', async (t) => {
  const { log, start, clock } = testLog(t)
  await log.append('t', messages(1), { order: 'b' })
  await start().log.trim('t', 2)
  assert.deepEqual(await refusal(start().log.append('t', messages(9), { order: 'a' })), outOfOrder('b'))
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(9), { order: 'z' }))
  await clock.sleep(100)
  await start().log.trim('t', 3)
  const later = start().log
  assert.deepEqual(await refusal(later.append('t', messages(9), { order: 'b' })), outOfOrder('b'))
  assert.deepEqual(await later.append('t', messages(2), { order: 'c' }), { first: 3, last: 3 })
  await lost
})

test('with a producer, a repeat is answered before the order is judged', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(1), { ...seq(0), order: 'b' })
  await log.append('t', messages(2), { order: 'c' })
  for (const again of [log, other]) {
    assert.deepEqual(await again.append('t', messages(1), { ...seq(0), order: 'b' }), { first: 1, last: 1, duplicate: true })
  }
  assert.deepEqual(await refusal(log.append('t', messages(9), { ...seq(1), order: 'b' })), outOfOrder('c'))
  assert.deepEqual(await log.append('t', messages(3), seq(1)), { first: 3, last: 3 }, 'a refusal uses no seq up')
})
