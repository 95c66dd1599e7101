import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StoreError } from '../../src/ports/errors.ts'
import { testConditions } from './group-store/conditions.ts'
import { testContents } from './group-store/contents.ts'
import { testList } from './group-store/list.ts'
import { testRaces } from './group-store/races.ts'
import { itemAt, orders, type GroupStoreContractOptions, type OpenGroupStore } from './group-store/support.ts'
import { testTime } from './group-store/time.ts'

/** What every GroupStore keeps to (groups §2.2). */
export function groupStoreContract (name: string, open: OpenGroupStore, options: GroupStoreContractOptions = {}): void {
  describe(`${name} keeps the contract of GroupStore`, { skip: options.skip ?? false }, () => {
    testConditions(open)
    testContents(open)
    testTime(open, options)
    testList(open)
    testRaces(open)

    // What never waits has nothing to end.
    if (options.io === true) testAbort(open)
  })
}

function testAbort (open: OpenGroupStore): void {
  test('an aborted signal ends the wait as a timeout', async (t) => {
    const [store] = await open(t)
    const signal = AbortSignal.abort()
    const timeout = (error: unknown): boolean => error instanceof StoreError && error.failure === 'timeout'
    await assert.rejects(store.read(orders, { signal }), timeout)
    await assert.rejects(store.write(orders, itemAt(1), null, { signal }), timeout)
    await assert.rejects(store.remove(orders, itemAt(1), { signal }), timeout)
    await assert.rejects(store.list('orders', '', 10, { signal }), timeout)
  })
}
