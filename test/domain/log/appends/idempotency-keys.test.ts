import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/domain/limits.ts'
import { hashMessages } from '../../../../src/domain/log/keys.ts'
import { encodeSeal } from '../../../../src/domain/segments/segment.ts'
import { Turns } from '../../../../src/domain/turns.ts'
import { diesBeforePut, kindAt, lastOffsets, messages, refusal, seq, stored } from '../../../support/appends.ts'
import { failing, hanging } from '../../../support/storage/faults.ts'
import { testLog } from '../../../support/test-log.ts'

const key = 'k'

test('an append with a key is stored once, and each repeat is told its offsets, by whichever process', async (t) => {
  const { log, other, start, clock, segments } = testLog(t)
  await log.append('t', messages(0))
  assert.deepEqual(await log.append('t', messages(1, 2), { key }), { first: 2, last: 3 })
  await clock.sleep(10_000)
  for (const again of [log, other, start().log]) {
    assert.deepEqual(await again.append('t', messages(1, 2), { key }), { first: 2, last: 3, duplicate: true })
  }
  assert.deepEqual(await lastOffsets(segments), [1, 3])
  assert.deepEqual(await log.append('u', messages(9), { key }), { first: 1, last: 1 }, 'a key is one topic\'s')
})

test('a repeat is told its own offsets, not those of the segment it shares', async (t) => {
  const { log, other, segments } = testLog(t)
  const answers = await Promise.all([
    log.append('t', messages(1), { key: 'a' }), log.append('t', messages(2)), log.append('t', messages(3, 4), { key: 'b' }),
    log.append('t', messages(5), seq(0)), log.append('t', messages(6), { key: 'c' })
  ])
  const at = await lastOffsets(segments)
  for (const again of [log, other]) {
    for (const [i, name, ...payloads] of [[0, 'a', 1], [2, 'b', 3, 4], [4, 'c', 6]] as const) {
      assert.deepEqual(await again.append('t', messages(...payloads), { key: name }), { ...answers[i], duplicate: true })
    }
    assert.deepEqual(await again.append('t', messages(5), seq(0)), { ...answers[3], duplicate: true })
  }
  assert.deepEqual(await lastOffsets(segments), at)
})

test('the same key with other messages is refused', async (t) => {
  const { log, other } = testLog(t)
  await log.append('t', messages(0))
  await log.append('t', [{ payload: '1', key: 'a', headers: '{"h":"1"}' }], { key })
  const conflict = { code: 'idempotency_conflict', offset: 2, written: 'no' }
  for (const again of [log, other]) {
    for (const changed of [messages(1), messages(1, 1), [{ payload: '1', key: 'b', headers: '{"h":"1"}' }]]) {
      assert.deepEqual(await refusal(again.append('t', changed, { key })), conflict)
    }
  }
  assert.equal((await stored(log)).length, 2)
})

test('no two lists of messages have the same hash by the places of their parts', async () => {
  const lists = [
    messages(1), messages(1, 2), messages(12), messages(2, 1), [{ payload: '1', key: '2' }], [{ payload: '1', headers: '2' }],
    [{ payload: '1', key: '' }], [{ payload: '1', key: '-' }], [{ payload: '1', key: '-1:2' }], [{ payload: '1', key: '2', headers: '3' }],
    [{ payload: '1', key: '21:3' }], [{ payload: '"1\\n12"' }], [{ payload: '"1"' }, { payload: '12' }],
    // Half of a surrogate pair, which UTF-8 can't encode, and what it is replaced by.
    ...['\ud800', '\ud801', '\udc00', '\ufffd', '\\ud800'].map((half) => [{ payload: '1', key: half }])
  ]
  const hashes = await Promise.all(lists.map((list) => hashMessages(list, new Turns(setImmediate), 65_536)))
  assert.equal(new Set(hashes).size, lists.length)
})

test('the hash is the same in slices of any size', async () => {
  const list = [...messages(1, 22, 333), { payload: '"é😀é😀é😀"', key: 'k', headers: '{"h":"1"}' }, ...messages(4)]
  const hashes = await Promise.all([1, 2, 7, 65_536].map((sliceChars) => hashMessages(list, new Turns(setImmediate), sliceChars)))
  assert.deepEqual(hashes, Array(4).fill(hashes[0]))
})

test('two copies that come at once are stored once, and both are told the same', async (t) => {
  const { log, other } = testLog(t)
  const inOne = await Promise.all([log, log].map((process) => process.append('t', messages(1), { key: 'a' })))
  assert.deepEqual(inOne, [{ first: 1, last: 1 }, { first: 1, last: 1, duplicate: true }])

  const inTwo = await Promise.all([
    log.append('t', messages(2, 3), { key: 'b' }), other.append('t', messages(2, 3), { key: 'b' }), other.append('t', messages(4))
  ])
  assert.deepEqual([inTwo[1].first, inTwo[1].last], [inTwo[0].first, inTwo[0].last])
  assert.deepEqual(inTwo.slice(0, 2).map(({ duplicate }) => duplicate).sort(), [true, undefined])
  assert.deepEqual((await stored(log)).map((line) => line.split(' ')[1]).sort(), ['1', '2', '3', '4'])
})

test('a copy that was slower with its record seals its range, and what shared it is stored at another one', async (t) => {
  const { log, other, clock, faults, segments } = testLog(t)
  const slowly = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    await clock.sleep(1_000)
    return call()
  }
  // The key is read while the first message is put.
  faults.segments.putIfAbsent = slowly
  const before = log.append('t', messages(0))
  const slow = log.append('t', messages(1), { key })
  await clock.sleep(100)
  delete faults.segments.putIfAbsent
  faults.records.replace = slowly
  const shared = [log.append('t', messages(2)), log.append('t', messages(3), seq(0))]
  await before
  await clock.sleep(500)
  assert.deepEqual(await other.append('t', messages(1), { key }), { first: 5, last: 5 })
  assert.deepEqual(await slow, { first: 5, last: 5, duplicate: true })
  assert.deepEqual((await Promise.all(shared)).map(({ first }) => first), [6, 7])
  assert.equal(await kindAt(segments, 4), 'sealed 2 … 4')
  assert.deepEqual(await stored(log), ['1 0', '5 1', '6 2', '7 3'])
})

test('what a dead process has reserved for a key is not written, and the key stands for the next copy', async (t) => {
  const { log, start, clock, segments } = testLog(t)
  const dead = start()
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(1, 2), { key }))
  await clock.sleep(100)
  const startedAt = clock.monotonic()
  assert.deepEqual(await log.append('t', messages(1, 2), { key }), { first: 3, last: 4 })
  assert.ok(clock.monotonic() - startedAt >= defaultLimits.holeGraceMs - 1_000, 'its writer is given time')
  assert.equal(await kindAt(segments, 2), 'sealed 1 … 2')
  assert.deepEqual(await log.append('t', messages(1, 2), { key }), { first: 3, last: 4, duplicate: true })
  assert.equal((await lost)['written'], 'unknown')
})

test('a process that died before the record of its key was stored leaves nothing', async (t) => {
  const { log, start, clock } = testLog(t)
  const dead = start()
  dead.faults.records.replace = hanging
  diesBeforePut(dead)
  const lost = refusal(dead.log.append('t', messages(1), { key }))
  await clock.sleep(100)
  assert.deepEqual(await log.append('t', messages(1), { key }), { first: 2, last: 2 })
  await lost
  assert.deepEqual(await stored(log), ['2 1'])
})

test('nothing is put before the record of the key is stored', async (t) => {
  const { log, faults, clock, segments } = testLog(t)
  faults.records.replace = async (call) => {
    await clock.sleep(1_000)
    return call()
  }
  const append = log.append('t', messages(1), { key })
  await clock.sleep(900)
  assert.deepEqual(await lastOffsets(segments), [])
  assert.deepEqual(await append, { first: 1, last: 1 })
})

test('a record that can\'t be stored costs the range, not the append', async (t) => {
  const { log, other, faults, segments } = testLog(t)
  let failures = 3
  faults.records.replace = (call) => failures-- > 0 ? failing('unavailable', 'unknown')() : call()
  assert.deepEqual(await log.append('t', messages(1), { key }), { first: 2, last: 2 })
  assert.equal(await kindAt(segments, 1), 'sealed 1 … 1')
  assert.deepEqual(await other.append('t', messages(1), { key }), { first: 2, last: 2, duplicate: true })

  faults.records.replace = failing('full', 'none')
  assert.deepEqual(await refusal(log.append('t', messages(2), { key: 'other' })), { code: 'append_contended', written: 'unknown' })
})

test('a range that a reader has sealed is void for its key', async (t) => {
  const { log, other, segments } = testLog(t)
  await segments.putIfAbsent('t', 1, encodeSeal(1, 1, 'hole'), { reservedAtMs: null })
  assert.deepEqual(await log.append('t', messages(1), { key }), { first: 2, last: 2 })
  assert.deepEqual(await other.append('t', messages(1), { key }), { first: 2, last: 2, duplicate: true })
})

test('a repeat of what was trimmed is answered if it is known to have stood, else nobody is told', async (t) => {
  const { log, start, clock, faults } = testLog(t)
  const [noted, open] = ['x', 'y'].map((text) => [{ payload: `"${text.repeat(100)}"` }])
  await log.append('t', noted!, { key: 'noted' })
  await clock.sleep(1)
  // The note is not stored, so that only the segment tells.
  faults.records.replace = (call, [, { last }, seen]) => seen === last ? failing('unavailable', 'none')() : call()
  await log.append('t', open!, { key: 'open' })
  await log.append('t', messages(3))
  assert.deepEqual(await start().log.append('t', open!, { key: 'open' }), { first: 2, last: 2, duplicate: true }, 'while it is there')
  assert.equal(await log.trim('t', 3), 3)
  const { log: later } = start()
  assert.deepEqual(await later.append('t', noted!, { key: 'noted' }), { first: 1, last: 1, duplicate: true })
  assert.deepEqual(await refusal(later.append('t', open!, { key: 'open' })), { code: 'idempotency_unknown', written: 'unknown' })
  assert.deepEqual(await stored(log), ['3 3'])
})

test('a key whose record has expired and was removed is new', async (t) => {
  const { log, clock, records } = testLog(t)
  await log.append('t', messages(1), { key })
  await clock.sleep(1_000)
  assert.equal(await records.removeExpired(clock.wall() + defaultLimits.keyTtlMs - 1_002, 10), 0)
  assert.equal(await records.removeExpired(clock.wall() + defaultLimits.keyTtlMs, 10), 1)
  assert.deepEqual(await log.append('t', messages(1), { key }), { first: 2, last: 2 })
})

test('a repeat is answered before an expected offset and a close are judged', async (t) => {
  const { log, other } = testLog(t)
  assert.deepEqual(await log.append('t', messages(1), { key, expectedOffset: 1 }), { first: 1, last: 1 })
  await log.append('t', messages(2))
  for (const again of [log, other]) {
    assert.deepEqual(await again.append('t', messages(1), { key, expectedOffset: 1 }), { first: 1, last: 1, duplicate: true })
  }
  assert.deepEqual(await log.append('t', messages(3), { key: 'last', close: true }), { first: 3, last: 3, closed: true })
  for (const again of [log, other]) {
    const repeat = await again.append('t', messages(3), { key: 'last', close: true })
    assert.deepEqual(repeat, { first: 3, last: 3, closed: true, duplicate: true })
    assert.deepEqual(await again.append('t', messages(1), { key }), { first: 1, last: 1, duplicate: true })
    assert.deepEqual(await refusal(again.append('t', messages(4), { key: 'new' })), { code: 'topic_closed', end: 4, written: 'no' })
  }
})

test('the deletion of a topic ends its keys, also for a process that has not heard of it', async (t) => {
  const { log, other, start, clock } = testLog(t)
  await log.append('t', messages(1), { key })
  await log.append('t', messages(2), { key: 'unheard' })
  await clock.sleep(1)
  await other.deleteTopic('t')
  assert.deepEqual(await start().log.append('t', messages(1), { key }), { first: 3, last: 3 })
  assert.deepEqual(await log.append('t', messages(1), { key }), { first: 3, last: 3, duplicate: true })
  await other.deleteTopic('t')
  assert.deepEqual(await log.append('t', messages(2), { key: 'unheard' }), { first: 4, last: 4 })
})
