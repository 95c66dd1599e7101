import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore } from './exhaustive.ts'
import { isLinearizable } from './linearizability.ts'
import { mutants } from './mutants.ts'
import { load } from './mutate.ts'
import { simulate, type Subject } from './scenario.ts'
import { Violation } from './scheduler.ts'
import { shrink } from './shrink.ts'
import { subject } from './subject.ts'

const seeds = 2_000
/** A mutant that so many seeds don't show is one that the simulation can't see. */
const seedsAMutant = 1_500
const twoWritersAndAReader = { roles: [{ append: 2 }, { append: 1 }, { reads: 1, limit: 10 }], faults: 0 }

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

for (const small of [
  twoWritersAndAReader,
  { ...twoWritersAndAReader, faults: 1 },
  { roles: [{ append: 2 }, { reads: 2, limit: 10 }], faults: 1 },
  { roles: [{ append: 1 }, { reads: 1, limit: 10 }, { reads: 1, limit: 1 }], faults: 1 }
]) {
  test(`every interleaving of ${JSON.stringify(small)}, to the end`, async () => {
    const states = await explore(subject, small)
    assert.ok(states > 500, `${states} states`)
  })
}

test('a copy of the code without a fault planted is as sound as the original', async () => {
  const { subject: copy, remove } = await load({ name: 'none', file: 'domain/log/holes.ts', replace: '  let at = top\n', by: '  let at = top\n' })
  try {
    assert.equal(await firstViolation(copy, 1, 200), undefined)
  } finally {
    await remove()
  }
})

for (const mutant of mutants) {
  test(`planted fault: ${mutant.name}`, async (t) => {
    const { subject: broken, remove } = await load(mutant)
    try {
      const found = await firstViolation(broken, mutant.from ?? 1, seedsAMutant)
      assert.ok(found !== undefined, `not caught by any interleaving of a small case, nor by ${seedsAMutant} seeds`)
      t.diagnostic(found)
    } finally {
      await remove()
    }
  })
}

/** A few seeds, then every interleaving of a small case, then more seeds: each sees what the others are slow to. */
async function firstViolation (code: Subject, from: number, seedsMax: number): Promise<string | undefined> {
  for (let seed = from; seed < from + seedsMax; seed++) {
    if (seed === from + 60) {
      try {
        await explore(code, twoWritersAndAReader)
      } catch (error) {
        return `small case: ${String(error).split('\n')[0]}`
      }
    }
    const { violation } = await simulate(code, { seed })
    if (violation !== undefined) return `seed ${seed}: ${violation.message}`
  }
  return undefined
}

test('a failing seed is shrunk to a short story that still fails', async () => {
  const { subject: broken, remove } = await load(mutants.find(({ name }) => name === 'acknowledge on 412 without looking')!)
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

test('the linearizability check knows a log from what is none', () => {
  const append = (id: string, start: number, end: number, first: number | undefined): Parameters<typeof isLinearizable>[0] =>
    [{ kind: 'append', id, count: 1, start, end, first, outcome: end === Infinity ? 'unknown' : 'acknowledged' }]
  const read = (start: number, end: number, next: number, ...messages: Array<[number, string]>): Parameters<typeof isLinearizable>[1][number] =>
    ({ kind: 'read', start, end, from: 1, next, messages })
  const two = [...append('a', 0, 1, 1), ...append('b', 2, 3, 2)]
  assert.equal(isLinearizable(two, [read(4, 5, 3, [1, 'a.0'], [2, 'b.0'])]), true)
  assert.equal(isLinearizable(two, [read(4, 5, 2, [1, 'a.0'])]), true, 'a short page')
  assert.equal(isLinearizable(two, [read(4, 5, 3, [2, 'b.0'])]), false, 'a message passed by')
  assert.equal(isLinearizable([...append('a', 0, 1, 2), ...append('b', 2, 3, 1)], []), false, 'offsets against real time')
  assert.equal(isLinearizable([...append('a', 0, 3, 2), ...append('b', 1, 2, 1)], []), true, 'appends at the same time')
  assert.equal(isLinearizable(two, [read(0.2, 0.4, 3, [1, 'a.0'], [2, 'b.0'])]), false, 'read before it was appended')
  assert.equal(isLinearizable([...append('a', 0, Infinity, 1)], [read(4, 5, 1), read(6, 7, 2, [1, 'a.0'])]), true, 'an unknown one may come late')
  assert.equal(isLinearizable([...append('a', 0, Infinity, 1)], [read(4, 5, 2, [1, 'a.0']), read(6, 7, 2)]), false, 'and then stays')
})
