import type { Offset } from '../../ports/units.ts'
import { hasCode } from '../errors.ts'
import type { Operation } from '../operation.ts'
import { forEachBounded, StoreCalls } from '../store-calls.ts'
import { groupOf, type GroupContext } from './group-context.ts'

const STORE = 'the group store'

export interface GroupProgress {
  readonly group: string
  /** Absent, with `lag`, if what is stored of the group can't be read. */
  readonly committedOffset?: Offset
  readonly lag?: number
}

export interface GroupsProgress {
  /** Ascending by name. */
  readonly groups: readonly GroupProgress[]
  /** Whether the topic has more. */
  readonly truncated: boolean
}

/** How far a topic's groups are: one list, and one read for each. @param end of the topic @throws LogError, StoreError */
export async function progressOf (
  context: GroupContext, topic: string, end: Offset, limit: number, { calls, signal }: Operation
): Promise<GroupsProgress> {
  const { store, limits } = context
  const bounded = new StoreCalls(context, Infinity, signal)
  calls.list++
  const { groups, truncated } = await bounded.make('list', STORE, (aborted) => store.list(topic, '', limit, { signal: aborted }))
  const found: GroupProgress[] = []
  await forEachBounded(groups, limits.readConcurrency, async (group, index) => {
    const name = { topic, group }
    calls.state++
    const { item } = await bounded.make('read', STORE, (aborted) => store.read(name, { signal: aborted }))
    if (item === undefined) return
    try {
      const { state: { committed } } = groupOf(item, name)
      found[index] = { group, committedOffset: committed, lag: Math.max(0, end - committed) }
    } catch (error) {
      if (!hasCode(error, 'group_corrupt')) throw error
      found[index] = { group }
    }
  })
  // Those that were deleted meanwhile have left holes.
  return { groups: found.filter((each) => each !== undefined), truncated }
}
