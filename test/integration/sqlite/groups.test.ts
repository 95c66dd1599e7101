import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { fdatasync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { RESERVE_BYTES } from '../../../src/adapters/sqlite/space.ts'
import { StoreError, type StoreFailure } from '../../../src/ports/errors.ts'
import { assertStored, itemAt, orders, put } from '../../contracts/group-store/support.ts'
import { openStore } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const failed = (failure: StoreFailure, effect: StoreError['effect']) => (error: unknown): boolean => (
  error instanceof StoreError && error.failure === failure && error.effect === effect)

describe('groups in the embedded store', () => {
  test('are there after a restart, and the store\'s time has not gone back', async (t) => {
    const folder = temporaryFolder(t)
    const state = randomBytes(50_000)
    const store = openStore(t, folder, { now: () => 5_000_000, elapsed: () => 7 })
    await put(store.groups, orders, itemAt(1, { state }))
    await put(store.groups, { ...orders, group: 'other' }, itemAt(1))
    assert.deepEqual((await store.groups.read(orders)).now, { low: 5_000_000, high: 5_000_000 })
    store.close()

    const later = openStore(t, folder, { now: () => 1_000_000, elapsed: () => 0 })
    await assertStored(later.groups, orders, itemAt(1, { state }))
    assert.deepEqual((await later.groups.read(orders)).now, { low: 5_000_000, high: 5_000_000 })
    assert.deepEqual(await later.groups.list('orders', '', 10), { groups: ['billing', 'other'], truncated: false })
  })

  test('tell nothing before it is on the disk', async (t) => {
    const flushes: Array<(error: Error | null) => void> = []
    const { groups } = openStore(t, undefined, { sync: (_, done) => { flushes.push(done) } })
    const answered: string[] = []
    const calls: Record<string, Promise<unknown>> = {
      write: groups.write(orders, itemAt(1), null),
      refused: groups.write(orders, itemAt(1), null),
      read: groups.read(orders),
      list: groups.list('orders', '', 10),
      'refused removal': groups.remove(orders, itemAt(2))
    }
    const answers = Promise.all(Object.entries(calls).map(([name, call]) => call.then(() => answered.push(name))))
    await delay(20)
    assert.equal(answered.length, 0)
    flushes[0]!(null)
    await delay(20)
    // A refused write is one for the journal, too, so that what was refused waits for a flush of its own.
    for (const flush of flushes.slice(1)) flush(null)
    await answers
    assert.deepEqual(answered.toSorted(), Object.keys(calls).toSorted())

    const before = flushes.length
    const removal = groups.remove(orders, itemAt(1)).then(() => answered.push('removal'))
    await delay(20)
    assert.equal(answered.includes('removal'), false)
    assert.equal(flushes.length, before + 1)
    flushes.at(-1)!(null)
    await removal
  })

  test('are refused by a disk that has failed, until a restart', async (t) => {
    const folder = temporaryFolder(t)
    let broken = false
    const store = openStore(t, folder, {
      sync: (descriptor, done) => {
        if (broken) setImmediate(done, new Error('EIO: i/o error, fdatasync'))
        else fdatasync(descriptor, done)
      }
    })
    const { groups } = store
    await put(groups, orders, itemAt(1))
    broken = true
    await assert.rejects(groups.write(orders, itemAt(2), itemAt(1)), failed('unavailable', 'unknown'))
    await assert.rejects(groups.write(orders, itemAt(3), itemAt(2)), failed('unavailable', 'none'))
    await assert.rejects(groups.read(orders), failed('unavailable', 'none'))
    await assert.rejects(groups.remove(orders, itemAt(2)), failed('unavailable', 'none'))
    await assert.rejects(groups.list('orders', '', 10), failed('unavailable', 'none'))
  })

  test('are read, listed and removed on a full disk, and not written', async (t) => {
    let free = Infinity
    let elapsed = 0
    const { groups } = openStore(t, undefined, { freeBytes: () => free, elapsed: () => elapsed })
    await put(groups, orders, itemAt(1))
    free = RESERVE_BYTES
    elapsed += 1_000
    await assert.rejects(groups.write(orders, itemAt(2), itemAt(1)), failed('full', 'none'))
    await assert.rejects(groups.write({ ...orders, group: 'other' }, itemAt(1), null), failed('full', 'none'))
    await assertStored(groups, orders, itemAt(1))
    assert.deepEqual(await groups.list('orders', '', 10), { groups: ['billing'], truncated: false })
    assert.equal((await groups.remove(orders, itemAt(1))).kind, 'written')
    free = Infinity
    elapsed += 1_000
    await put(groups, orders, itemAt(1))
  })

  test('of the largest size let neither the log nor the database grow', async (t) => {
    const folder = temporaryFolder(t)
    const { groups } = openStore(t, folder)
    let there = await put(groups, orders, itemAt(1))
    for (let rev = 2; rev <= 300; rev++) {
      there = await put(groups, orders, itemAt(rev, { state: randomBytes(88 * 1024 - rev % 3 * 3_000) }), there)
    }
    const sizeOf = (file: string): number => statSync(join(folder, file)).size
    assert.ok(sizeOf('streams.db-wal') < 8_000_000, `${sizeOf('streams.db-wal')} bytes of log`)
    assert.ok(sizeOf('streams.db') < 1_000_000, `${sizeOf('streams.db')} bytes of database`)
  })
})
