import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createGroups } from '../../../src/domain/groups/groups.ts'
import { KeptGroup } from '../../../src/domain/groups/kept-group.ts'
import { PageBudget } from '../../../src/domain/groups/page-budget.ts'
import { StoreClock } from '../../../src/domain/groups/store-clock.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits as limits } from '../../../src/domain/limits.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import { noTelemetry } from '../../../src/domain/telemetry.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { testLog } from '../../support/test-log.ts'

const name = { topic: 't', group: 'g' }
const options = { limit: 1, maxBytes: 1_000_000, waitMs: 0, acks: [] }

// Nothing tells when a segment can be loaded again, and the receive waited until its time was over.
test('a receive that waits tries again to read a segment that could not be loaded', async (t) => {
  const { log, topics, clock } = testLog(t)
  await log.append('t', [{ payload: '"a"' }])
  let failures = 2
  const read: Log['read'] = (...parameters) => failures-- > 0
    ? Promise.reject(new LogError('storage_unavailable', 'down'))
    : log.read(...parameters)
  const groups = createGroups({ store: createMemoryGroupStore(clock.wall), topics, log: { ...log, read }, clock, limits })
  const began = clock.monotonic()
  assert.equal((await groups.receive(name, { ...options, waitMs: 20_000 })).lines.length, 1)
  assert.ok(clock.monotonic() - began < 5_000)
})

// The read that was under way when the last one stopped waiting went on with the polls of the next one, beside its own.
test('however often polls end and begin, the group is read once in each interval', async (t) => {
  const { log, topics, clock } = testLog(t)
  const memory = createMemoryGroupStore(clock.wall)
  let reads = 0
  const store: GroupStore = {
    ...memory,
    read: async (group) => {
      reads++
      await clock.sleep(100)
      return memory.read(group)
    }
  }
  const storeClock = new StoreClock(clock, limits.groupClockAgeMs)
  const pageBudget = new PageBudget(0)
  const random = { random: () => 0, randomHex: () => '' }
  const context = { store, topics, log, clock, limits, ...random, storeClock, runsOn: true, pageBudget, telemetry: noTelemetry }
  const kept = new KeptGroup(context, name)
  let end = kept.poll(1_000)
  for (let n = 0; n < 5; n++) {
    await clock.sleep(1_050)
    end()
    end = kept.poll(1_000)
  }
  reads = 0
  await clock.sleep(10_000)
  end()
  assert.ok(reads <= 10, `${reads} reads in 10 s`)
})

test('a process that stands still between an answer of the store and its use reads again', async (t) => {
  const { log, topics, clock } = testLog(t)
  await log.append('t', [{ payload: '"a"' }])
  let [jumps, ahead] = [30, 0]
  const monotonic = (): number => {
    if (jumps-- > 0) ahead += limits.groupClockAgeMs + 1_000
    return clock.monotonic() + ahead
  }
  const still = { wall: clock.wall, monotonic, timer: clock.timer, afterCurrentInput: clock.afterCurrentInput }
  const groups = createGroups({ store: createMemoryGroupStore(clock.wall), topics, log, clock: still, limits })
  assert.equal((await groups.receive(name, options)).lines.length, 1)
  assert.ok(jumps < 0)
})

test('a deletion removes the group that was there when it was asked for, and not one that was made since', async (t) => {
  const { log, topics, clock } = testLog(t)
  const store = createMemoryGroupStore(clock.wall)
  const others = createGroups({ store, topics, log, clock, limits })
  await others.put(name, {})
  const remove: GroupStore['remove'] = async (group, expected) => {
    await others.delete(name, false)
    await others.put(name, { leaseMs: 7_000 })
    return await store.remove(group, expected)
  }
  await createGroups({ store: { ...store, remove }, topics, log, clock, limits }).delete(name, false)
  assert.equal((await others.describe(name)).config.leaseMs, 7_000)
})
