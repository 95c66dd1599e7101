import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Violation } from '../engine/scheduler.ts'
import { plant } from './plant.ts'
import { plantedFaults } from './planted-faults.ts'
import { shrink } from './shrink.ts'
import { subject } from './subject.ts'
import { simulate } from './workload.ts'

const seeds = 2_000

test(`${seeds} seeds: no process ever hears an answer that contradicts another`, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violation } = await simulate(subject, { seed })
    if (violation === undefined) continue
    const { story } = await shrink(subject, { seed })
    assert.fail(`${story}\n\nseed ${seed}: ${violation.message}\nreplay: npm run simulate -- --seed ${seed}`)
  }
})

test('the same seed gives the same run, another seed another one', async () => {
  for (const seed of [1, 2, 3, 40, 500]) {
    const first = await simulate(subject, { seed })
    const second = await simulate(subject, { seed })
    assert.deepEqual(second.trace, first.trace)
    assert.ok(first.trace.length > 10)
    assert.notDeepEqual((await simulate(subject, { seed: seed + 1 })).trace, first.trace)
  }
})

// Found by the simulation: an append whose put had an unknown outcome had landed, was read, and was trimmed away; then
// the writer's own seal found its place empty, and the caller heard "not written" (or was written a second time).
test('an append that was read and trimmed before its writer gave up is not called "not written"', async () => {
  assert.equal((await simulate(subject, { seed: 3137 })).violation, undefined)
})

test('a failing seed is shrunk to a short story that still fails', async () => {
  const { subject: broken, remove } = await plant(plantedFaults.find(({ name }) => name === 'acknowledge on 412 without looking')!)
  try {
    let seed = 1
    while ((await simulate(broken, { seed })).violation === undefined) seed++
    const before = await simulate(broken, { seed })
    const { scenario, story } = await shrink(broken, { seed })
    const after = await simulate(broken, scenario)
    assert.ok(after.violation instanceof Violation)
    assert.ok(after.injected.length < before.injected.length && after.injected.length <= 6, `${after.injected.length} faults left of ${before.injected.length}`)
    assert.match(story, /VIOLATION/)
  } finally {
    await remove()
  }
})
