import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const MiB = 1024 * 1024
/** More than twice the limit: the young generation may double once more before the limit notices, and V8 adds a little. */
const mostMiB = 160

/**
 * Allocates objects, some of which survive several collections, for this time or until the young generation is larger than the limit
 * allows.
 * @returns the largest young generation, in MiB
 */
function youngGenerationUnderLoad (begin: string, ms: number): number {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { limitYoungGeneration } from './src/app/young-generation.ts'
    ${begin}
    const kept = Array(100_000)
    let largest = 0
    let allocated = 0
    const until = Date.now() + ${ms}
    const timer = setInterval(() => {
      for (const end = Date.now() + 20; Date.now() < end; allocated++) {
        kept[allocated % kept.length] = { text: 'x' + allocated, more: [allocated] }
      }
      largest = Math.max(largest, getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size / ${MiB})
      if (Date.now() < until && largest <= ${mostMiB}) return
      clearInterval(timer)
      console.log(largest)
    })`
  return Number(execFileSync(process.execPath, ['--max-semi-space-size=128', '--input-type=module', '-e', script], { encoding: 'utf8' }))
}

test('the young generation does not grow far above 64 MiB', () => {
  const unlimited = youngGenerationUnderLoad('', 30_000)
  assert.ok(unlimited > mostMiB, `the load makes V8 take no more than ${unlimited} MiB`)
  const limited = youngGenerationUnderLoad('limitYoungGeneration()', 3_000)
  assert.ok(limited <= mostMiB, `expected at most ${mostMiB} MiB, got ${limited} MiB`)
})
