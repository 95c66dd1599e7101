import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Thread } from '../../support/threads/thread.ts'
import type { tasks } from './tasks.ts'

const thread = new Thread<typeof tasks>(new URL('./tasks.ts', import.meta.url))

// Receives that had read the same page waited for each other: one lease a write, however many gathered.
test('on one server, receives share writes', async (t) => {
  const { cyclesPerSecond, writesPerCycle } = await thread.run('contend', { workers: 32, workMs: 100, oneServer: true }, 5)
  t.diagnostic(`${cyclesPerSecond} cycles/s, ${writesPerCycle} writes each`)
  assert.ok(cyclesPerSecond > 150 && writesPerCycle < 0.9)
})

test('functions that contend for a group come on, with a few writes for each cycle', async (t) => {
  const { cyclesPerSecond, writesPerCycle, contended } = await thread.run('contend', { workers: 32, workMs: 100 }, 5)
  t.diagnostic(`${cyclesPerSecond} cycles/s, ${writesPerCycle} writes each, ${contended} contended`)
  assert.ok(cyclesPerSecond > 50 && writesPerCycle < 8)
})
