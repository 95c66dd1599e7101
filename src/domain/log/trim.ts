import type { Fact, Resolved, TopicItem } from '../../ports/topic-store.ts'
import type { Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { createOperation } from '../operation.ts'
import { decodeProducer, encodeProducer, resolveProducer } from '../producers/record.ts'
import { earliestOf, endOf, existsTopic } from '../topics/state.ts'
import type { RangeOutcome } from './belief.ts'
import type { OpenRange } from './conditions.ts'
import { decodeOrder, encodeOrder } from './facts.ts'
import { removeBelow, type RemovalStorage } from './removal.ts'
import { openRanges, resolverOf } from './resolve.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

/** How often a trim or a deletion begins again because others have changed the item. */
const ROUNDS_MAX = 20

/**
 * Makes `before` the earliest offset and deletes the segments wholly below it (log §5): in this order, so that no reader takes
 * a deleted segment for a hole. Trimming past the end trims to the end. Objects that may be young seals are left to the next
 * trim.
 * @returns the topic's earliest offset now
 * @throws StoreError, LogError; the trim may then be incomplete, which is safe
 */
export async function trim (context: LogContext, topic: string, before: Offset): Promise<Offset> {
  const storage = new TopicStorage(context, topic, createOperation())
  const earliest = await raiseEarliest(context, topic, before)
  if (earliest > 1) await removeBelow(unlimited(storage), earliest, context.limits)
  return earliest
}

/**
 * Makes `before` the earliest offset. Resolves the facts below it in the same update, because their segments, which show the
 * outcomes, will be deleted (log §6.11).
 * @param options.patient stop below the first range that may still be written, and do not wait for its outcome
 * @returns the topic's earliest offset now
 * @throws StoreError, LogError
 */
export async function raiseEarliest (context: LogContext, topic: string, before: Offset, { patient = false } = {}): Promise<Offset> {
  const storage = new TopicStorage(context, topic, createOperation())
  const belief = context.beliefs.of(topic)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const askedAt = belief.tick()
    const item = await storage.item()
    belief.learn(item, askedAt)
    const open = openRanges(item)
    const earliest = Math.min(before, endOf(item), ...patient ? youngOnes(context, open).map(({ first }) => first) : [])
    if (item === undefined || earliest <= earliestOf(item)) return earliestOf(item)
    const below = open.filter(({ last }) => last < earliest)
    const deadline = context.clock.monotonic() + context.limits.appendTimeoutMs
    for (const range of below) if (belief.outcomeOf(range.last) === undefined) await resolverOf(context, topic).resolve(range, { deadline })
    // A range without an outcome: its fact was replaced by another in the meantime.
    if (below.some(({ last }) => belief.outcomeOf(last) === undefined)) continue
    const answer = await storage.raiseEarliest(earliest, resolvedBelow(item, (last) => belief.outcomeOf(last)!, earliest))
    if (answer.kind === 'changed') return earliest
  }
  throw new LogError('storage_unavailable', 'Too many appends changed the topic while it was trimmed.')
}

function unlimited (storage: TopicStorage): RemovalStorage {
  return { list: (from, limit) => storage.list(from, limit), remove: (lasts) => storage.remove(lasts), late: false }
}

function youngOnes ({ limits, storeTime }: LogContext, open: readonly OpenRange[]): OpenRange[] {
  return open.filter(({ timeS }) => storeTime.now() - timeS * 1_000 < limits.holeGraceMs)
}

/** The outcome of an open range, by its last offset. */
type OutcomeOf = (last: Offset) => RangeOutcome

/** The facts below `earliest`, resolved by the outcomes of their ranges. */
export function resolvedBelow (item: TopicItem, outcomeOf: OutcomeOf, earliest: number): Resolved {
  const producers = new Map<string, Fact>()
  for (const [id, fact] of item.producers) {
    const { last } = fact
    const record = decodeProducer(fact)
    if (last >= earliest || record.riding.length === 0) continue
    producers.set(id, { last, text: encodeProducer(resolveProducer(record, last, outcomeOf(last))) })
  }
  const { closing } = item
  const order = resolvedOrder(item, outcomeOf, earliest)
  return {
    producers,
    ...order !== undefined && { order },
    ...closing !== undefined && closing.last < earliest && {
      closing: { last: closing.last, stands: outcomeOf(closing.last) !== 'void' }
    }
  }
}

/** @returns `undefined` if the item has no order fact below `earliest`, or the fact is resolved already */
function resolvedOrder ({ order }: TopicItem, outcomeOf: OutcomeOf, earliest: number): Fact | undefined {
  if (order === undefined || order.last >= earliest) return undefined
  const { before, value, range } = decodeOrder(order.text)
  if (range === undefined) return undefined
  const newest = outcomeOf(order.last) === 'void' ? before : value
  return { last: order.last, text: encodeOrder({ before: undefined, value: newest, range: undefined }) }
}

/**
 * Marks the topic as deleted, then deletes its segments (log §6.11). The item remains, so that no offset is reserved twice: a
 * message of a late writer can't appear in a topic that is created again.
 * @returns false if the topic did not exist
 * @throws StoreError, LogError; some segments may then remain, which is safe
 */
export async function deleteTopic (context: LogContext, topic: string): Promise<boolean> {
  const storage = new TopicStorage(context, topic, createOperation())
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const item = await storage.item()
    if (!existsTopic(item)) return false
    const answer = await storage.markDeleted(item.currentOffset)
    if (answer.kind === 'refused') continue
    await removeBelow(unlimited(storage), item.currentOffset + 1, context.limits)
    return true
  }
  throw new LogError('storage_unavailable', 'Too many appends changed the topic while it was deleted.')
}
