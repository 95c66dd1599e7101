import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { createGroups, type Groups } from '../../../src/domain/groups/groups.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'

const name = { topic: 't', group: 'g' }
const options = { limit: 2, maxBytes: 1_000_000, waitMs: 0, acks: [] }
const WORKERS = 50

/** Reads of the log take a while, and are counted. */
async function slowLog (t: TestContext, messages: number): Promise<{ log: Log, groups: Groups, reads: () => number }> {
  const topics = createMemoryTopicStore()
  const log = createLog({
    segments: createMemorySegmentStore(), topics, records: createMemoryRecordStore(), clock: systemClock, compression: 'none'
  })
  t.after(() => log.close())
  for (let n = 1; n <= messages; n++) await log.append('t', [{ payload: String(n) }])
  let reads = 0
  const slow: Log = {
    ...log,
    async read (...parameters) {
      reads++
      await wait(20)
      return log.read(...parameters)
    }
  }
  return { log, groups: createGroups({ store: createMemoryGroupStore(), topics, log: slow, clock: systemClock }), reads: () => reads }
}

test('many receives at once read the next messages once for all of them', async (t) => {
  const { groups, reads } = await slowLog(t, 2 * WORKERS)
  const answers = await Promise.all(Array.from({ length: WORKERS }, () => groups.receive(name, options)))
  const offsets = answers.flatMap(({ lines }) => lines.map((line) => (JSON.parse(line.toString()) as { offset: number }).offset))
  assert.deepEqual(offsets.toSorted((a, b) => a - b), Array.from({ length: 2 * WORKERS }, (_, i) => i + 1))
  assert.ok(reads() < WORKERS / 5, `${reads()} reads`)
})

test('many receives at the end of the topic share the reads that find nothing, and none waits for all the others', async (t) => {
  const { groups, reads } = await slowLog(t, 0)
  const answers = await Promise.all(Array.from({ length: WORKERS }, () => groups.receive(name, options)))
  assert.ok(answers.every(({ waitingFor }) => waitingFor === 'messages'))
  assert.ok(reads() < WORKERS / 5, `${reads()} reads`)
})

test('a receive has what was appended before it, whatever reads are under way', async (t) => {
  const { log, groups } = await slowLog(t, 1)
  await groups.receive(name, options)
  const early = Array.from({ length: 3 }, () => groups.receive(name, options))
  await wait(10)
  await log.append('t', [{ payload: '1' }])
  const answers = await Promise.all([...early, groups.receive(name, options)])
  assert.equal(answers.flatMap(({ lines }) => lines).length, 1)
})
