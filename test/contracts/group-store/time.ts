import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { StoreInstant } from '../../../src/ports/group-store.ts'
import { itemAt, orders, type GroupStoreContractOptions, type OpenGroupStore } from './support.ts'

/** How far a store's clock may be from this machine's in a test. */
const SKEW_MS = 1_000
/** Of a clock that tells whole seconds. */
const WIDTH_MAX_MS = 999

export function testTime (open: OpenGroupStore, options: GroupStoreContractOptions): void {
  test('every answer tells the store\'s time, of which none is before another', async (t) => {
    const [store] = await open(t)
    const calls = {
      'a read of nothing': () => store.read(orders),
      'a refused removal of nothing': () => store.remove(orders, itemAt(1)),
      'a refused write of nothing': () => store.write(orders, itemAt(2), itemAt(1)),
      'a group that is made': () => store.write(orders, itemAt(1), null),
      'a read': () => store.read(orders),
      'a write': () => store.write(orders, itemAt(2), itemAt(1)),
      'a refused write': () => store.write(orders, itemAt(2), itemAt(1)),
      'a refused removal': () => store.remove(orders, itemAt(1)),
      'a removal': () => store.remove(orders, itemAt(2))
    }
    let before: StoreInstant = { low: 0, high: 0 }
    for (const [what, call] of Object.entries(calls)) {
      const calledAt = Date.now()
      const { now } = await call()
      assert.ok(Number.isInteger(now.low) && Number.isInteger(now.high), what)
      assert.equal(now.high - now.low, options.exactTime === true ? 0 : WIDTH_MAX_MS, what)
      assert.ok(now.high >= calledAt - SKEW_MS, `${what}: not long before the call`)
      assert.ok(now.low <= Date.now() + SKEW_MS, `${what}: not long after its answer`)
      assert.ok(now.high >= before.low && now.low >= before.low, `${what}: not before the answer that came first`)
      before = now
    }
  })

  test('the store\'s time goes on', async (t) => {
    const [store, other] = await open(t)
    const { now: first } = await store.read(orders)
    const elapsed = options.exactTime === true ? 20 : 1_100
    await wait(elapsed)
    const { now: second } = await other.read(orders)
    assert.ok(second.low > first.low && second.low - first.low < elapsed + SKEW_MS, `${second.low - first.low} ms after ${elapsed}`)
  })
}
