import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupItem, GroupVersion } from '../../../src/ports/group-store.ts'
import { assertStored, itemAt, LIFE, orders, OTHER_LIFE, outcomeOf, put, refusedWith, type OpenGroupStore } from './support.ts'

/** All that a change can expect to find, apart from what is there. */
function othersThan ({ gen, rev }: GroupVersion): Array<GroupVersion | null> {
  const otherGen = gen === LIFE ? OTHER_LIFE : LIFE
  return [null, { gen, rev: rev - 1 }, { gen, rev: rev + 1 }, { gen: otherGen, rev }, { gen: otherGen, rev: rev + 1 }]
}

export function testConditions (open: OpenGroupStore): void {
  test('a group is made, written, and removed', async (t) => {
    const [store, other] = await open(t)
    await assertStored(store, orders, undefined)
    const [first, second] = [itemAt(1), itemAt(2)]
    assert.equal(outcomeOf(await store.write(orders, first, null)), 'written')
    await assertStored(other, orders, first)
    assert.equal(outcomeOf(await other.write(orders, second, first)), 'written')
    await assertStored(store, orders, second)
    assert.equal(outcomeOf(await store.remove(orders, second)), 'written')
    await assertStored(other, orders, undefined)
  })

  test('a group that is there is written only in place of exactly its version, and a refusal tells it', async (t) => {
    const [store, other] = await open(t)
    for (const [gen, rev] of [[LIFE, 1], [LIFE, 2], [OTHER_LIFE, 7], [OTHER_LIFE, Number.MAX_SAFE_INTEGER - 1]] as const) {
      const name = { topic: 'orders', group: `${gen}-${rev}` }
      const there = await put(store, name, itemAt(rev, { gen }))
      const wanted: GroupItem = itemAt(rev + 1, { gen, by: 'refused' })
      for (const expected of othersThan(there)) {
        const what = JSON.stringify(expected)
        assert.deepEqual(outcomeOf(await other.write(name, wanted, expected)), refusedWith(there), what)
        if (expected !== null) assert.deepEqual(outcomeOf(await other.remove(name, expected)), refusedWith(there), what)
        await assertStored(store, name, there, what)
      }
      await put(other, name, wanted, there)
      await assertStored(store, name, wanted)
    }
  })

  test('a group that is not there is made only by those who expect none', async (t) => {
    const [store] = await open(t)
    const nothing = refusedWith(undefined)
    assert.deepEqual(outcomeOf(await store.write(orders, itemAt(2), itemAt(1))), nothing)
    assert.deepEqual(outcomeOf(await store.remove(orders, itemAt(1))), nothing)
    await assertStored(store, orders, undefined)
    await put(store, orders, itemAt(1))
    await store.remove(orders, itemAt(1))
    for (let times = 1; times <= 2; times++) {
      assert.deepEqual(outcomeOf(await store.write(orders, itemAt(2), itemAt(1))), nothing)
      assert.deepEqual(outcomeOf(await store.remove(orders, itemAt(1))), nothing)
    }
    await assertStored(store, orders, undefined)
  })

  test('a version of an earlier life is none of a later one', async (t) => {
    const [store, other] = await open(t)
    const old = await put(store, orders, itemAt(1))
    await store.remove(orders, old)
    const made = await put(other, orders, itemAt(1, { gen: OTHER_LIFE }))
    const told = refusedWith(made)
    assert.deepEqual(outcomeOf(await store.write(orders, itemAt(2), old)), told)
    assert.deepEqual(outcomeOf(await store.remove(orders, old)), told)
    await assertStored(store, orders, made)
  })

  test('the same write again is refused, and the refusal tells by whom the group was written', async (t) => {
    const [store, other] = await open(t)
    const first = await put(store, orders, itemAt(1))
    const second = await put(store, orders, itemAt(2, { by: 'mine' }), first)
    assert.deepEqual(outcomeOf(await other.write(orders, second, first)), refusedWith(second))
    assert.deepEqual(outcomeOf(await other.write(orders, itemAt(1), null)), refusedWith(second))
  })
}
