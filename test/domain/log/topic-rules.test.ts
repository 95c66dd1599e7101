import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { hasCode, LogError } from '../../../src/domain/errors.ts'
import type { PendingAppend } from '../../../src/domain/log/conditions.ts'
import { createLog, type AppendConditions, type Log } from '../../../src/domain/log/log.ts'
import { TopicRules } from '../../../src/domain/log/topic-rules.ts'
import { encodeConfig, type TopicConfig } from '../../../src/domain/topics/config.ts'

/** Logs of several processes on the same stores, whose monotonic clock is `time.elapsed`. */
function processes () {
  const stores = { segments: createMemorySegmentStore(), topics: createMemoryTopicStore(), records: createMemoryRecordStore() }
  const time = { elapsed: 0 }
  const clock = { ...systemClock, monotonic: () => time.elapsed }
  return {
    time,
    start: (): Log => createLog({ ...stores, clock, compression: 'none' }),
    configure: async (config: TopicConfig) => stores.topics.configure('a', encodeConfig(config), await stores.topics.read('a'), { now: 0 })
  }
}

async function outcome (log: Log, count: number, conditions?: AppendConditions): Promise<string> {
  try {
    const { first, duplicate = false } = await log.append('a', Array.from({ length: count }, () => ({ payload: '1234567890' })), conditions)
    return `${duplicate ? 'duplicate' : 'written'} at ${first}`
  } catch (error) {
    if (hasCode(error, 'rate_limited')) return `rate_limited ${error.details.retry_after}`
    return (error as LogError).code
  }
}

test('the first append of a process that knows nothing of the topic is held to its config', async () => {
  const { start, configure } = processes()
  await configure({ maxMessageBytes: 9 })
  assert.equal(await outcome(start(), 1), 'message_too_large')
  await configure({ maxMessageBytes: 10 })
  assert.equal(await outcome(start(), 1), 'written at 1')
})

test('a process that knows an older config hears of the new one, stricter or not', async () => {
  const { start, configure } = processes()
  const log = start()
  assert.equal(await outcome(log, 1), 'written at 1')
  await configure({ maxMessageBytes: 9 })
  assert.equal(await outcome(log, 1), 'message_too_large')
  await configure({})
  assert.equal(await outcome(log, 1), 'written at 2')
})

test('an append is taken from the rate once, and a repeat not at all', async () => {
  const { start, configure, time } = processes()
  const log = start()
  await configure({ rate: { messages: 2 } })
  const producer = (seq: number): AppendConditions => ({ producer: { id: 'p', epoch: 0, seq } })
  assert.equal(await outcome(log, 1, producer(0)), 'written at 1')
  assert.equal(await outcome(log, 1, producer(0)), 'duplicate at 1')
  assert.equal(await outcome(log, 1, { key: 'k' }), 'written at 2')
  assert.equal(await outcome(log, 1, { key: 'k' }), 'duplicate at 2')
  assert.equal(await outcome(log, 1), 'rate_limited 1')
  time.elapsed += 500
  assert.equal(await outcome(log, 1), 'written at 3')
  // Each process counts by itself.
  assert.equal(await outcome(start(), 2), 'written at 4')
})

test('bytes are those of payloads, keys and headers as JSON', () => {
  const rules = new TopicRules({ ...systemClock, monotonic: () => 0 })
  const check = (config: TopicConfig, message: PendingAppend['messages'][number]): string => {
    try {
      rules.check('a', { messages: [message], conditions: {}, arrived: 0 }, encodeConfig(config) ?? undefined)
      return 'taken'
    } catch (error) {
      return (error as LogError).message
    }
  }
  const message = { payload: '"é"', key: 'k"', headers: '{"a":"b"}' }
  assert.equal(check({ maxMessageBytes: 18 }, message), 'taken')
  assert.equal(check({ maxMessageBytes: 17 }, message), 'messages.0: expected at most 17 bytes, the max_message_bytes of the topic, got 18')
  assert.equal(check({ rate: { bytes: 36 } }, message), 'taken')
  assert.equal(check({ rate: { bytes: 36 } }, message), 'taken')
  assert.equal(check({ rate: { bytes: 36 } }, message), 'rate: expected at most 36 bytes a second')
})
