import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createGroups, decodeLeaseId, type Groups, type LeasePart } from '../../../src/domain/groups/groups.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { messagesOf, type Log } from '../../../src/domain/log/log.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { testLog, type TestLog, type TestLogOptions } from '../../support/test-log.ts'

const name = { topic: 't', group: 'g' }
const options = { limit: 1, maxBytes: 1_000_000, waitMs: 0, acks: [] }
const rejected = { delayMs: 0, counted: true, reject: true }

interface World extends TestLog {
  readonly store: GroupStore
  /** A process whose appends go through `append`, if that is given. */
  readonly groups: (append?: Log['append']) => Groups
}

function testGroups (t: TestContext, logOptions: TestLogOptions = {}): World {
  const whole = testLog(t, logOptions)
  const store = createMemoryGroupStore(() => whole.clock.wall())
  const groups = (append: Log['append'] = (...parameters) => whole.log.append(...parameters)): Groups => {
    const { topics, log, clock } = whole
    return createGroups({ store, topics, log: { ...log, append }, clock, limits: defaultLimits })
  }
  return { ...whole, store, groups }
}

async function lease (groups: Groups): Promise<LeasePart> {
  const { lease } = await groups.receive(name, options)
  return { id: decodeLeaseId(lease!.id)! }
}

/** The next messages are rejected, one batch each, and there is time to move them. */
async function reject (groups: Groups, clock: World['clock'], times = 1): Promise<void> {
  for (let n = 0; n < times; n++) {
    await groups.nack(name, await lease(groups), rejected)
    await clock.sleep(1_000)
  }
}

async function lettersIn (log: Log, topic: string): Promise<string[]> {
  const page = await log.read(topic, { from: 1, limit: 100, maxBytes: 1_000_000 })
  return [...messagesOf(page)].map(({ line }) => (JSON.parse(Buffer.from(line).toString()) as { payload: string }).payload)
}

test('a rejected message is moved to the dead-letter topic behind the answer, and settled', async (t) => {
  const { log, store, groups, clock } = testGroups(t)
  await log.append('t', [{ payload: '"one"' }, { payload: '"two"' }])
  const own = groups()
  const part = await lease(own)
  const reads = t.mock.method(store, 'read').mock
  assert.deepEqual(await own.nack(name, part, rejected), { nacked: 1, returned: [], dead: 1 })
  await clock.sleep(1_000)
  // What the process has just written is known, so a batch costs no read of the group.
  assert.equal(reads.callCount(), 0)
  assert.deepEqual(await lettersIn(log, 't.dlq'), ['one'])
  const { committedOffset, deadLettersWaiting } = await own.describe(name)
  assert.deepEqual([committedOffset, deadLettersWaiting], [2, 0])
})

// Its mover had a claim, and has told nobody: the next one appends the same seq, and hears that it is there.
test('a batch whose mover dies after the append is moved by another one, and there is one letter', async (t) => {
  const { log, groups, clock } = testGroups(t)
  await log.append('t', [{ payload: '"one"' }])
  const dying = groups(async (...parameters) => {
    await log.append(...parameters)
    return await new Promise(() => {})
  })
  await dying.nack(name, await lease(dying), rejected)
  await clock.sleep(5_000)
  const other = groups()
  assert.equal((await other.receive(name, options)).lease, undefined)
  await clock.sleep(1_000)
  assert.equal((await other.describe(name)).deadLettersWaiting, 1, 'while it is claimed')
  await clock.sleep(6_000)
  await other.receive(name, options)
  await clock.sleep(1_000)
  assert.equal((await other.describe(name)).deadLettersWaiting, 0)
  assert.deepEqual(await lettersIn(log, 't.dlq'), ['one'])
})

// With another dead-letter topic, the batches' numbers begin anew, so the number alone did not tell whose batch it was.
test('a mover that wakes up after the dead-letter topic was changed confirms no batch of the other one', async (t) => {
  const { log, groups, clock } = testGroups(t)
  await log.append('t', [{ payload: '"one"' }, { payload: '"two"' }])
  const fails: Log['append'] = (topic, ...rest) => topic === 'other' ? Promise.reject(new Error('down')) : log.append(topic, ...rest)
  let isOver: (() => void) | undefined
  const over = new Promise<void>((resolve) => { isOver = resolve })
  const sleeps = groups(async (...parameters) => {
    const appended = await log.append(...parameters)
    await clock.sleep(11_000)
    const other = groups(fails)
    await other.receive(name, { ...options, limit: 1 })
    await clock.sleep(1_000)
    await other.put(name, { deadLetterTopic: 'other' })
    await clock.sleep(40_000)
    await other.nack(name, await lease(other), rejected)
    await clock.sleep(100)
    isOver!()
    return appended
  })
  await sleeps.nack(name, await lease(sleeps), rejected)
  await over
  await clock.sleep(1_000)
  const { deadLettersWaiting, committedOffset } = await groups(fails).describe(name)
  assert.deepEqual([deadLettersWaiting, committedOffset], [1, 2], 'the second message has no letter yet')
})

const payloads = (...texts: readonly string[]): Array<{ payload: string }> => texts.map((text) => ({ payload: `"${text}"` }))

// Its producer is unknown then, so a batch that was not the producer's first one was refused with `producer_gap` for ever.
test('the dead letters go on after their topic was deleted', async (t) => {
  const { log, groups, clock } = testGroups(t)
  await log.append('t', payloads('one', 'two', 'three', 'four'))
  const own = groups()
  await reject(own, clock, 2)
  assert.deepEqual(await lettersIn(log, 't.dlq'), ['one', 'two'])
  await log.deleteTopic('t.dlq')
  await reject(own, clock, 2)
  assert.deepEqual(await lettersIn(log, 't.dlq'), ['three', 'four'])
  const { deadLettersWaiting, committedOffset } = await own.describe(name)
  assert.deepEqual([deadLettersWaiting, committedOffset], [0, 5])
})

test('the dead letters go on after the record of their producer has expired', async (t) => {
  const { log, groups, clock, topics, records } = testGroups(t, { limits: { inlineRecordsMax: 1 } })
  await log.append('t', payloads('one', 'two', 'three'))
  const own = groups()
  await reject(own, clock)
  await log.append('t.dlq', payloads('other'), { producer: { id: 'other', epoch: 0, seq: 0 } })
  assert.deepEqual([...(await topics.read('t.dlq'))!.producers.keys()], ['other'], 'it has left the item')
  await clock.sleep(defaultLimits.producerTtlMs + 3_600_000)
  assert.equal(await records.removeExpired(clock.wall(), 100), 1)
  await reject(own, clock, 2)
  assert.deepEqual(await lettersIn(log, 't.dlq'), ['one', 'other', 'two', 'three'])
  assert.equal((await own.describe(name)).deadLettersWaiting, 0)
})

// In a copy, the dead-letter topic may have more batches than the group knows to be confirmed.
test('a batch is taken for written if a later one has been begun', async (t) => {
  const { log, groups, clock } = testGroups(t)
  await log.append('t', payloads('one', 'two'))
  const own = groups()
  const { description: { config } } = await own.put(name, {})
  await log.append('t.dlq', payloads('two'), { producer: { id: config.deadLetterProducer, epoch: 2, seq: 0 } })
  await reject(own, clock, 2)
  assert.equal((await own.describe(name)).deadLettersWaiting, 0)
  assert.equal((await lettersIn(log, 't.dlq')).length, 1)
})

// A read without a time-out was never answered, and the receive with it.
test('a repeated receive does not wait forever for a read of the topic', async (t) => {
  const whole = testGroups(t)
  const { log, clock, topics } = whole
  await log.append('t', [{ payload: '"one"' }])
  let reads = 0
  const store = createMemoryGroupStore(() => clock.wall())
  const read: typeof topics.read = (topic) => ++reads > 2 ? new Promise(() => {}) : topics.read(topic)
  const groups = createGroups({ store, topics: { ...topics, read }, log, clock, limits: defaultLimits })
  await groups.receive(name, { ...options, key: 'k' })
  reads = 1
  const again = groups.receive(name, { ...options, key: 'k' })
  const outcome = await Promise.race([again.then(() => 'answered', () => 'failed'), clock.sleep(600_000).then(() => 'waits')])
  assert.notEqual(outcome, 'waits')
})
