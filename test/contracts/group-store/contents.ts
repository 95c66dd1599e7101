import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { GroupName } from '../../../src/ports/group-store.ts'
import { assertStored, itemAt, LIFE, orders, OTHER_LIFE, outcomeOf, put, refusedWith, type OpenGroupStore } from './support.ts'

/** The largest state (groups §2.3). */
const STATE_MAX_BYTES = 88 * 1024

const states: Record<string, Uint8Array> = {
  'no bytes': new Uint8Array(),
  'a byte that is 0': Uint8Array.of(0),
  'every byte': Uint8Array.from({ length: 256 }, (_, i) => i),
  'no valid UTF-8': Uint8Array.of(0xff, 0xfe, 0xc0, 0x80, 0),
  '1 KiB': randomBytes(1_024),
  'the most bytes': randomBytes(STATE_MAX_BYTES),
  'the most bytes of one kind': new Uint8Array(STATE_MAX_BYTES)
}

const texts = ['{}', '', ' ', '{"dead_letter_topic":"orders.dlq"}', '"\'\\;--', '日本 😀', '__proto__', 'x'.repeat(4_096)]

export function testContents (open: OpenGroupStore): void {
  test('a state comes back byte for byte, also with a refusal, and in place of a longer or a shorter one', async (t) => {
    const [store, other] = await open(t)
    let there = await put(store, orders, itemAt(1))
    for (const [what, state] of [...Object.entries(states), ...Object.entries(states).toReversed()]) {
      const item = await put(store, orders, itemAt(there.rev + 1, { state }), there)
      await assertStored(other, orders, item, what)
      assert.deepEqual(outcomeOf(await other.write(orders, item, there)), refusedWith(item), what)
      there = item
    }
  })

  test('a group can be made with any state, and removed', async (t) => {
    const [store, other] = await open(t)
    for (const [what, state] of Object.entries(states)) {
      const item = await put(store, orders, itemAt(1, { state }))
      await assertStored(other, orders, item, what)
      assert.equal(outcomeOf(await other.remove(orders, item)), 'written')
    }
  })

  test('config and writer come back as they are', async (t) => {
    const [store, other] = await open(t)
    for (const [i, text] of texts.entries()) {
      const item = await put(store, { ...orders, group: `${i}` }, itemAt(1, { config: text, by: texts[(i + 1) % texts.length]! }))
      await assertStored(other, { ...orders, group: `${i}` }, item)
    }
  })

  test('lives and revisions come back as they are', async (t) => {
    const [store, other] = await open(t)
    const lives = [LIFE, OTHER_LIFE, '0'.repeat(32), randomBytes(16).toString('hex')]
    for (const gen of lives) {
      for (const rev of [0, 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
        const name = { ...orders, group: `${gen}-${rev}` }
        const item = await put(store, name, itemAt(rev, { gen }))
        await assertStored(other, name, item)
      }
    }
  })

  test('what the caller changes afterwards in its bytes is not stored', async (t) => {
    const [store] = await open(t)
    const state = Uint8Array.of(1, 2, 3)
    await put(store, orders, itemAt(1, { state }))
    state.fill(9)
    await assertStored(store, orders, itemAt(1, { state: Uint8Array.of(1, 2, 3) }))
  })

  test('topics and groups are apart', async (t) => {
    const [store, other] = await open(t)
    const names = ['a', 'A', 'a.b', 'a-', '-', 'z'.repeat(249)]
    const all = names.flatMap((topic) => names.map((group): GroupName => ({ topic, group })))
    const itemOf = ({ topic, group }: GroupName) => itemAt(1, { by: `${topic} ${group}` })
    await Promise.all(all.map((name) => put(store, name, itemOf(name))))
    await Promise.all(all.map((name) => assertStored(other, name, itemOf(name))))
    await store.remove({ topic: 'a', group: 'a.b' }, itemAt(1))
    for (const name of all) await assertStored(other, name, name.topic === 'a' && name.group === 'a.b' ? undefined : itemOf(name))
  })
}
