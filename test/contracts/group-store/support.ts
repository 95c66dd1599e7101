import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { GroupItem, GroupName, GroupStore, GroupVersion, GroupWritten } from '../../../src/ports/group-store.ts'

export interface GroupStoreContractOptions {
  /** A reason to skip the whole suite, or false. */
  readonly skip?: string | false | undefined
  /** The adapter waits for an answer from elsewhere, so that an aborted signal ends the wait. */
  readonly io?: boolean | undefined
  /** The store knows its time to the millisecond: `low` and `high` of an answer are equal. */
  readonly exactTime?: boolean | undefined
}

/** Two clients of one empty store, which may be the same; they are closed after `t`. */
export type OpenGroupStore = (t: TestContext) => Promise<readonly [GroupStore, GroupStore]> | readonly [GroupStore, GroupStore]

export const orders: GroupName = { topic: 'orders', group: 'billing' }

export const LIFE = '000102030405060708090a0b0c0d0e0f'
export const OTHER_LIFE = 'ffffffffffffffffffffffffffffffff'

/** An item whose contents depend on its version, so that a mixture of two is noticed. */
export function itemAt (rev: number, changes: Partial<GroupItem> = {}): GroupItem {
  return { gen: LIFE, rev, by: `writer ${rev}`, config: `{"rev":${rev}}`, state: Buffer.from(`state ${rev}`), ...changes }
}

/** A write that must not be refused. */
export async function put (store: GroupStore, name: GroupName, item: GroupItem, expected: GroupVersion | null = null): Promise<GroupItem> {
  const { kind } = await store.write(name, item, expected)
  assert.equal(kind, 'written', 'the write is not refused')
  return item
}

/** For comparing: bytes as they are, whatever array has them. */
export function plain (item: GroupItem | undefined): unknown {
  return item === undefined ? undefined : { ...item, state: Buffer.from(item.state) }
}

/** The answer without its time. */
export function outcomeOf (answer: GroupWritten): unknown {
  return answer.kind === 'written' ? 'written' : refusedWith(answer.item)
}

/** The outcome of a change that is refused because of this item. */
export function refusedWith (item: GroupItem | undefined): unknown {
  return { refused: plain(item) }
}

export async function assertStored (store: GroupStore, name: GroupName, item: GroupItem | undefined, message?: string): Promise<void> {
  assert.deepEqual(plain((await store.read(name)).item), plain(item), message)
}
