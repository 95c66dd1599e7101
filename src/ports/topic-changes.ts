/**
 * The changes of `TopicStore` as functions of the item, for stores that hold the item in memory while they change it. Each
 * function returns the new item, the same item if there is nothing to change, or `undefined` if the change is refused.
 */
import { isDeleted, type Belief, type Fact, type ReservationTime, type Resolved, type TopicItem, type Wanted } from './topic-store.ts'

type Stored = TopicItem | undefined

const NOTHING: TopicItem = { currentOffset: 0, earliest: 1, moves: 0, producers: new Map() }

/** @param nowMs the time to store */
export function applyReservation (item: Stored, wanted: Wanted, belief: Belief, nowMs: number): Stored {
  const before = item ?? NOTHING
  if (!holds(item, belief)) return undefined
  const last = before.currentOffset + wanted.count
  return {
    ...before,
    currentOffset: last,
    createdAtMs: before.createdAtMs ?? nowMs,
    reservedAtMs: wanted.count === 0 ? before.reservedAtMs : nowMs,
    closed: wanted.count === 0 ? last : undefined,
    closing: wanted.closing === undefined ? undefined : { last, text: wanted.closing },
    order: wanted.order === undefined ? before.order : { last, text: wanted.order },
    moves: before.moves + (wanted.movedOut?.length ?? 0),
    producers: changedProducers(before.producers, wanted, last)
  }
}

function holds (item: Stored, belief: Belief): boolean {
  const { closed, closing, config, order, moves, producers, currentOffset } = item ?? NOTHING
  if (belief.exists === true && (item === undefined || isDeleted(item))) return false
  if ((closed ?? null) !== belief.closed || (closing?.last ?? null) !== belief.closing || (config ?? null) !== belief.config) return false
  if (belief.order !== undefined && (order?.last ?? null) !== belief.order) return false
  if (belief.moves !== undefined && moves !== belief.moves) return false
  if (belief.currentOffset !== undefined && currentOffset !== belief.currentOffset) return false
  for (const [id, version] of belief.producers ?? []) if ((producers.get(id)?.last ?? null) !== version) return false
  return true
}

function changedProducers (before: ReadonlyMap<string, Fact>, wanted: Wanted, last: number): ReadonlyMap<string, Fact> {
  if (wanted.producers === undefined && wanted.movedOut === undefined) return before
  const producers = new Map(before)
  for (const id of wanted.movedOut ?? []) producers.delete(id)
  for (const [id, text] of wanted.producers ?? []) producers.set(id, { last, text })
  return producers
}

export function applyClose (item: Stored, closing: number): Stored {
  return item?.closing?.last === closing ? { ...item, closed: closing, closing: undefined } : undefined
}

/** Whether each fact that a trim has resolved still has the same version. */
export function isStill (item: TopicItem, { producers, order, closing }: Resolved): boolean {
  if (order !== undefined && item.order?.last !== order.last) return false
  if (closing !== undefined && item.closing?.last !== closing.last) return false
  for (const [id, { last }] of producers ?? []) if (item.producers.get(id)?.last !== last) return false
  return true
}

export function applyTrim (item: Stored, to: number, resolved: Resolved): Stored {
  if (item === undefined || !isStill(item, resolved)) return undefined
  const { producers, order, closing } = resolved
  if (to <= item.earliest && producers === undefined && order === undefined && closing === undefined) return item
  return {
    ...item,
    earliest: Math.max(item.earliest, to),
    producers: producers === undefined ? item.producers : new Map([...item.producers, ...producers]),
    order: order ?? item.order,
    closing: closing === undefined ? item.closing : undefined,
    closed: closing?.stands === true ? closing.last : item.closed
  }
}

export function applyDeletion (item: Stored, currentOffset: number): Stored {
  if (item?.currentOffset !== currentOffset || isDeleted(item)) return undefined
  const { moves, reservedAtMs } = item
  return { currentOffset, reservedAtMs, earliest: currentOffset + 1, deletedAtOffset: currentOffset, moves, producers: new Map() }
}

/** @param nowMs the time to store */
export function applyConfig (item: Stored, config: string | null, seen: Stored, nowMs: number): Stored {
  const text = config ?? undefined
  if (item === undefined) return seen === undefined ? { ...NOTHING, createdAtMs: nowMs, config: text } : undefined
  if (seen === undefined || isDeleted(item) !== isDeleted(seen)) return undefined
  if (!isDeleted(item)) {
    if (item.config !== seen.config) return undefined
    return item.config === text ? item : { ...item, config: text }
  }
  if (item.currentOffset !== seen.currentOffset) return undefined
  const currentOffset = item.currentOffset + 1
  return { ...item, currentOffset, createdAtMs: nowMs, earliest: currentOffset + 1, config: text }
}

export function applySwept (item: Stored, swept: string): Stored {
  return item === undefined || isDeleted(item) ? undefined : { ...item, swept }
}

export function applyReservationTime (item: Stored, { currentOffset, reservedAtMs }: ReservationTime): Stored {
  if (item?.currentOffset !== currentOffset || (item.reservedAtMs ?? Infinity) <= reservedAtMs) return undefined
  return { ...item, reservedAtMs }
}
