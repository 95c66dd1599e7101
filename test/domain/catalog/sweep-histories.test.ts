import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Retention } from '../../../src/domain/catalog/catalog.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { createTestCatalog, type TestCatalog } from '../../support/catalog/stores.ts'

const minute = 60_000
const DEAD_AFTER = defaultLimits.holeUnfillableAfterMs

type Step =
  | { readonly kind: 'append', readonly bytes: number, readonly count: number }
  | { readonly kind: 'reserve' | 'late put' | 'delete' | 'crash after trim' | 'sweep' | 'two sweeps' }
  | { readonly kind: 'wait', readonly ms: number }
  | { readonly kind: 'trim', readonly part: number }

const kindOf = <Kind extends Step['kind']>(...kinds: Kind[]) => fc.record({ kind: fc.constantFrom(...kinds) })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const), bytes: fc.integer({ min: 10, max: 200 }), count: fc.integer({ min: 1, max: 3 })
    })
  },
  { weight: 5, arbitrary: kindOf('reserve', 'late put', 'crash after trim', 'sweep', 'sweep', 'two sweeps') },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, minute, 14 * minute, DEAD_AFTER + 1) })
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 1, arbitrary: kindOf('delete') }
)

test('whatever happens in between, a sweep leaves what retention leaves, and nothing else', async () => {
  const retentions = fc.constantFrom(
    { retentionMs: 30 * minute }, { retentionBytes: 400 }, { retentionMs: 30 * minute, retentionBytes: 400 }, { retentionMs: minute }
  )
  await fc.assert(fc.asyncProperty(retentions, fc.array(step, { maxLength: 60 }), async (retention, steps) => {
    const setUp = createTestCatalog({ retention, limits: { ...defaultLimits, listMax: 3 } })
    const { catalog, time, stores } = setUp
    const open: Reserved[] = []
    for (const step of [...steps, { kind: 'sweep' as const }]) {
      if (step.kind === 'sweep') await sweepAndCheck(setUp, retention, 1)
      else if (step.kind === 'two sweeps') await sweepAndCheck(setUp, retention, 2)
      else await apply(setUp, step, open)
    }
    // At last nothing is left below earliest.
    for (let i = 0; i < 2; i++) {
      time.now += DEAD_AFTER + 2
      await catalog.sweep()
    }
    const item = await stores.topics.read('t')
    assert.deepEqual((await setUp.lasts('t')).filter((last) => last < (item?.earliest ?? 1)), [])
  }), { numRuns: 500 })
})

interface Reserved { readonly last: number, readonly at: number }

async function apply ({ catalog, append, reserve, put, time, stores }: TestCatalog, step: Step, open: Reserved[]): Promise<void> {
  const item = await stores.topics.read('t')
  switch (step.kind) {
    case 'append': await append('t', step.bytes, step.count); break
    case 'reserve': open.push({ last: await reserve('t'), at: time.now }); break
    case 'late put': {
      const late = open.pop()
      if (late !== undefined && time.now - late.at <= 15 * minute) await put('t', late.last, 150)
      break
    }
    case 'wait': time.now += step.ms; break
    case 'trim': if (item !== undefined) await stores.topics.raiseEarliest('t', Math.floor(1 + step.part * item.currentOffset), {}); break
    case 'crash after trim': if (item !== undefined) await stores.topics.raiseEarliest('t', item.earliest + 1, {}); break
    default: await catalog.delete('t').catch(() => {})
  }
}

/** Sweeps, alone or beside another process, and checks that just that is gone which retention does not keep. */
async function sweepAndCheck (
  { catalog, stores, time }: TestCatalog, { retentionMs, retentionBytes }: Retention, processes: number
): Promise<void> {
  const entries = async () => (await stores.segments.list('t', 1, 1_000)).entries
  const [before, stored] = [await stores.topics.read('t'), await entries()]
  for (const { results, next } of await Promise.all(Array.from({ length: processes }, () => catalog.sweep()))) {
    assert.deepEqual([results.filter(({ error }) => error !== undefined), next], [[], undefined])
  }
  const after = await stores.topics.read('t')
  if (before === undefined || after === undefined) return
  assert.equal(after.currentOffset, before.currentOffset)
  for (const [i, { lastOffset: last, lastModified }] of stored.entries()) {
    if (last < before.earliest) continue
    const rest = stored.slice(i + 1).reduce((sum, { size }) => sum + size, 0)
    const isTooOld = retentionMs !== undefined && time.now - lastModified > retentionMs
    const mayGo = isTooOld || (retentionBytes !== undefined && rest >= retentionBytes)
    if (last >= after.earliest) {
      assert.ok(!mayGo, `${last} should have gone`)
      return
    }
    assert.ok(mayGo, `${last} could have stayed`)
  }
}
