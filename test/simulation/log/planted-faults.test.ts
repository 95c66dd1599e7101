import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, twoWritersAndAReader } from './interleavings.ts'
import { plant } from './plant.ts'
import { plantedFaults } from './planted-faults.ts'
import { simulate, type Subject } from './workload.ts'

/** A fault that is not caught within so many seeds is one that the simulation cannot see. */
const seedsPerFault = 1_500

test('a copy of the code without a fault planted is as sound as the original', async () => {
  const { subject: copy, remove } = await plant({ name: 'none', file: 'domain/log/holes.ts', replace: '  let at = top\n', by: '  let at = top\n' })
  try {
    assert.equal(await firstViolation(copy, 1, 200), undefined)
  } finally {
    await remove()
  }
})

for (const fault of plantedFaults) {
  test(`planted fault: ${fault.name}`, async (t) => {
    const { subject: broken, remove } = await plant(fault)
    try {
      const found = await firstViolation(broken, fault.from ?? 1, seedsPerFault)
      assert.ok(found !== undefined, `not caught by any interleaving of a small case, nor by ${seedsPerFault} seeds`)
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
