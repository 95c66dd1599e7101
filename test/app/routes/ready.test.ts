import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { StoreCheck } from '../../../src/app/routes/service/readiness.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { memoryApp } from '../../support/http/app.ts'

/** An app whose store is checked: how often, and with which result. */
function checkedApp (t: TestContext, readinessKeptMs: number) {
  const store = { checks: 0, works: true }
  const check: StoreCheck = {
    name: 'table',
    async check () {
      store.checks++
      await new Promise((resolve) => { setTimeout(resolve, 20) })
      if (!store.works) throw new StoreError('unavailable', 'none', 'down')
    }
  }
  const { app } = memoryApp(t, { checks: [check], limits: { readinessKeptMs } })
  const ready = async (url = '/ready'): Promise<number> => (await app.inject(url)).statusCode
  return { store, ready }
}

for (const works of [true, false]) {
  test(`requests share the checks of /ready, which ${works ? 'succeed' : 'fail'}`, async (t) => {
    const { store, ready } = checkedApp(t, 60_000)
    store.works = works
    const expected = works ? 200 : 503
    const together = await Promise.all(Array.from({ length: 100 }, (_, i) => ready(i % 2 === 0 ? '/ready' : '/v1/ready')))
    assert.deepEqual(new Set(together), new Set([expected]))
    for (let i = 0; i < 100; i++) assert.equal(await ready(), expected)
    assert.equal(store.checks, 1)
  })
}

test('what /ready says is not older than that', async (t) => {
  const { store, ready } = checkedApp(t, 100)
  const later = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 110) })
  assert.equal(await ready(), 200)
  store.works = false
  assert.equal(await ready(), 200)
  await later()
  assert.equal(await ready(), 503)
  store.works = true
  await later()
  assert.equal(await ready(), 200)
  assert.equal(store.checks, 3)
})
