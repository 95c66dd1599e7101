import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryTelemetry } from '../../../src/adapters/memory/telemetry.ts'
import { MemoryBudget } from '../../../src/app/http/bounds/memory-budget.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'

const MiB = 1024 * 1024
const limits = { ...defaultLimits, memoryWaitMs: 600, clientGraceMs: 300, clientBytesPerSecondMin: 100 * MiB }
const budget = (): MemoryBudget => new MemoryBudget(16 * MiB, limits)

const outcome = (promise: Promise<void>): Promise<string> => promise.then(() => 'granted', (error: { code: string }) => error.code)
const state = (promise: Promise<string>): Promise<string> => Promise.race([
  promise, new Promise<string>((resolve) => { setImmediate(resolve, 'waiting') })
])

test('large requests have seven eighths, small ones all of it', () => {
  const memory = budget()
  const large = memory.hold()
  assert.equal(large.tryAdd(14 * MiB), true)
  assert.equal(memory.hold().tryAdd(1 * MiB), false)
  assert.equal(large.tryAdd(1), false, 'a byte more of a large one')
  for (let i = 0; i < 32; i++) assert.equal(memory.hold().tryAdd(64 * 1024), true)
  assert.equal(memory.hold().tryAdd(1), false)
  assert.equal(memory.usedBytes, 16 * MiB)
})

test('what is released goes to those who wait, in their order', async () => {
  const memory = budget()
  const first = memory.hold()
  first.tryAdd(10 * MiB)
  const [second, third] = [memory.hold(), memory.hold()]
  const waits = [outcome(second.add(8 * MiB)), outcome(third.add(1 * MiB))]
  assert.deepEqual(await Promise.all(waits.map(state)), ['waiting', 'waiting'], 'the third would fit, but came later')
  first.resize(6 * MiB)
  assert.deepEqual(await Promise.all(waits.map(state)), ['granted', 'waiting'])
  second.release()
  assert.deepEqual(await Promise.all(waits), ['granted', 'granted'])
  for (const hold of [first, third]) hold.release()
  assert.equal(memory.usedBytes, 0)
})

test('who has waited too long hears server_busy, who has gone nothing that matters', async () => {
  const memory = budget()
  memory.hold().tryAdd(14 * MiB)
  const gone = memory.hold()
  const [waited, left] = [outcome(memory.hold().add(1 * MiB)), outcome(gone.add(1 * MiB))]
  gone.release()
  assert.equal(await left, 'request_timeout')
  assert.equal(await waited, 'server_busy')
  assert.equal(memory.usedBytes, 14 * MiB)
})

test('a client that is late is cut off while others wait, and only then', async () => {
  const memory = budget()
  const cut: string[] = []
  const slow = memory.hold()
  slow.tryAdd(14 * MiB)
  slow.awaitClient(() => cut.push('slow'))
  const working = memory.hold()
  working.tryAdd(64 * 1024)
  working.awaitClient(() => cut.push('working'))
  working.clientDone()
  await new Promise((resolve) => { setTimeout(resolve, 700) })
  assert.deepEqual(cut, [])
  assert.equal(await outcome(memory.hold().add(2 * MiB)), 'granted')
  assert.deepEqual(cut, ['slow'])
  slow.resize(1) // what ended stays ended
  assert.equal(memory.usedBytes, 2 * MiB + 64 * 1024)
})

test('the bytes held are reported, and each request that is refused or cut off', async () => {
  const telemetry = createMemoryTelemetry()
  const memory = new MemoryBudget(16 * MiB, limits, telemetry)
  const slow = memory.hold()
  slow.tryAdd(14 * MiB)
  assert.equal(telemetry.gauges.get('streams_held_bytes{}'), 14 * MiB)
  assert.equal(await outcome(memory.hold().add(1 * MiB)), 'server_busy')
  assert.equal(telemetry.counters.get('streams_refusals_total{bound="memory"}'), 1)
  slow.awaitClient(() => {})
  assert.equal(await outcome(memory.hold().add(1 * MiB)), 'granted')
  assert.equal(telemetry.counters.get('streams_refusals_total{bound="memory"}'), 2)
  assert.equal(telemetry.gauges.get('streams_held_bytes{}'), 1 * MiB)
})
