import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { createGroups, decodeLeaseId, type Groups } from '../../../src/domain/groups/groups.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import type { GroupItem, GroupStore } from '../../../src/ports/group-store.ts'
import { testLog, type TestLog } from '../../support/test-log.ts'

const name = { topic: 't', group: 'g' }
const options = { limit: 1, maxBytes: 1_000_000, waitMs: 0, acks: [] }

interface Two extends TestLog {
  readonly store: GroupStore
  /** Reaches the store through `write`, which a test may replace. */
  readonly own: Groups
  readonly others: Groups
  readonly reach: { write: GroupStore['write'] }
}

function writeOf (store: GroupStore): GroupStore['write'] {
  return (...parameters) => store.write(...parameters)
}

async function twoProcesses (t: TestContext): Promise<Two> {
  const whole = testLog(t)
  const { log, topics, clock } = whole
  const store = createMemoryGroupStore(() => clock.wall())
  const reach = { write: writeOf(store) }
  const processOf = (reached: GroupStore): Groups => createGroups({ store: reached, topics, log, clock, limits: defaultLimits })
  const own = processOf({ ...store, write: (...parameters) => reach.write(...parameters) })
  await log.append('t', ['a', 'b', 'c'].map((payload) => ({ payload: `"${payload}"` })))
  return { ...whole, store, own, others: processOf(store), reach }
}

function appliedUnknown (error: unknown): boolean {
  return error instanceof LogError && error.details.applied === 'unknown'
}

async function take (groups: Groups): Promise<number[]> {
  const { lines, lease } = await groups.receive(name, options)
  await groups.ack(name, { id: decodeLeaseId(lease!.id)! })
  return lines.map((line) => (JSON.parse(Buffer.from(line).toString()) as { offset: number }).offset)
}

// A proxy has lost the answer and asks again. In between another process has gone on from where the seek went to; the refusal
// says nothing, and the seek would be done twice.
test('a seek that was refused after it had been applied is not done again', async (t) => {
  const { store, own, others, reach } = await twoProcesses(t)
  assert.deepEqual([await take(own), await take(own)], [[1], [2]])
  reach.write = async (...parameters) => {
    reach.write = writeOf(store)
    assert.equal((await store.write(...parameters)).kind, 'written')
    assert.deepEqual(await take(others), [1])
    return await store.write(...parameters)
  }
  await assert.rejects(own.seek(name, 1), appliedUnknown)
  assert.equal((await own.describe(name)).committedOffset, 2)
})

test('a seek that was refused because of one other write is done', async (t) => {
  const { store, own, others, reach } = await twoProcesses(t)
  assert.deepEqual([await take(own), await take(own)], [[1], [2]])
  reach.write = async (...parameters) => {
    reach.write = writeOf(store)
    await others.put(name, { leaseMs: 5_000 })
    return await store.write(...parameters)
  }
  assert.deepEqual(await own.seek(name, 1), { committedOffset: 1, endedLeases: 0 })
})

// The first copy arrives after the group was deleted: had the second one made the same life, it would be there again, with the
// numbers of its dead letters beginning anew.
test('a write that makes a group is not sent again without an answer', async (t) => {
  const { store, own, reach } = await twoProcesses(t)
  const sent: GroupItem[] = []
  reach.write = async (group, item, expected) => {
    sent.push(item)
    if (sent.length === 1) throw new StoreError('timeout', 'unknown', 'no answer')
    return await store.write(group, item, expected)
  }
  assert.deepEqual(await take(own), [1])
  assert.notEqual(sent[0]!.gen, sent[1]!.gen)
  await assert.rejects(own.delete(name, false).then(() => {
    sent.length = 0
    return own.put(name, {})
  }), appliedUnknown)
})

test('a write that had no answer is sent again, and found to be applied', async (t) => {
  const { store, own, reach } = await twoProcesses(t)
  assert.deepEqual(await take(own), [1])
  let writes = 0
  reach.write = async (...parameters) => {
    const answer = await store.write(...parameters)
    if (++writes === 1) throw new StoreError('unavailable', 'unknown', 'connection reset')
    return answer
  }
  assert.deepEqual(await own.seek(name, 1), { committedOffset: 1, endedLeases: 0 })
  assert.equal(writes, 2)
})

// Each time that it had to read pages again, it began to count anew, and never gave up.
test('a receive whose write is refused eight times is answered so, also if it reads pages in between', async (t) => {
  const { log, store, own, others, reach } = await twoProcesses(t)
  await log.append('t', Array.from({ length: 30 }, () => ({ payload: '1' })))
  await take(own)
  let writes = 0
  reach.write = async (...parameters) => {
    writes++
    await take(others)
    return await store.write(...parameters)
  }
  await assert.rejects(own.receive(name, options), (error) => error instanceof LogError && error.code === 'group_contended')
  assert.equal(writes, 8)
})

// It was applied at first, and then failed in vain to be applied again: nobody may say that nothing was changed.
test('a command that may have been applied, and fails afterwards, says so', async (t) => {
  const { store, own, others, reach } = await twoProcesses(t)
  const { lease } = await own.receive(name, options)
  let leaseMs = 2_000
  reach.write = async (...parameters) => {
    if (leaseMs === 2_000) await store.write(...parameters)
    await others.put(name, { leaseMs: leaseMs++ })
    return await store.write(...parameters)
  }
  await assert.rejects(own.extend(name, decodeLeaseId(lease!.id)!, 60_000), (error) => {
    assert.ok(error instanceof LogError)
    assert.deepEqual([error.code, error.details.applied], ['group_contended', 'unknown'])
    return true
  })
})
