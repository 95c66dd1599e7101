import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const MiB = 1024 * 1024

/** Allocates objects for 3 s, some of which survive several collections. @returns the largest young generation, in bytes */
function youngGenerationUnderLoad (begin: string): number {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { limitYoungGeneration } from './src/app/young-generation.ts'
    ${begin}
    const kept = Array(100_000)
    let largest = 0
    let allocated = 0
    const until = Date.now() + 3_000
    const timer = setInterval(() => {
      for (const end = Date.now() + 20; Date.now() < end; allocated++) {
        kept[allocated % kept.length] = { text: 'x' + allocated, more: [allocated] }
      }
      largest = Math.max(largest, getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size)
      if (Date.now() < until) return
      clearInterval(timer)
      console.log(largest)
    })`
  return Number(execFileSync(process.execPath, ['--max-semi-space-size=128', '--input-type=module', '-e', script], { encoding: 'utf8' }))
}

test('the young generation does not grow far above 64 MiB', () => {
  assert.ok(youngGenerationUnderLoad('') > 128 * MiB, 'the load makes V8 want more')
  // It may grow a little until the limit notices.
  const limited = youngGenerationUnderLoad('limitYoungGeneration()')
  assert.ok(limited <= 96 * MiB, `expected at most 96 MiB, got ${limited / MiB} MiB`)
})
