import type { SegmentEntry } from '../../ports/segment-store.ts'
import type { Fact, Resolved, TopicItem } from '../../ports/topic-store.ts'
import { LogError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { createOperation } from '../operation.ts'
import { decodeProducer, encodeProducer, resolveProducer } from '../producers/record.ts'
import { SEAL_BYTES_MAX } from '../segments/segment.ts'
import { earliestOf, endOf, existsTopic } from '../topics/state.ts'
import type { TopicBelief } from './belief.ts'
import type { OpenRange } from './conditions.ts'
import { decodeOrder, encodeOrder } from './facts.ts'
import { openRanges, resolverOf } from './resolve.ts'
import { Storage, type LogCore } from './topic-storage.ts'

/** Times that a trim or a deletion begins again because others have changed the item. */
const ROUNDS_MAX = 20

export interface TrimOptions {
  /** Do not wait for ranges that may still be written: trim only up to the first of them. */
  readonly patient?: boolean
}

/**
 * Makes `before` the earliest offset and deletes the segments wholly below it (log §5, §6.11): in this order, so that no
 * reader takes a deleted segment for a hole. With `earliest`, what is known of facts below it is stored, since their
 * segments can't be asked any more. Trimming past the end trims to the end. What may be a young seal is left to the next trim.
 * @returns the topic's earliest offset now
 * @throws StoreError, LogError; the trim may then be incomplete, which is safe
 */
export async function trim (core: LogCore, topic: string, before: number, { patient = false }: TrimOptions = {}): Promise<number> {
  const storage = new Storage(core, topic, createOperation())
  const belief = core.beliefs.of(topic)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const askedAt = belief.tick()
    const item = await storage.item()
    belief.learn(item, askedAt)
    const open = openRanges(item)
    const earliest = Math.min(before, endOf(item), ...patient ? youngOnes(core, open).map(({ first }) => first) : [])
    if (item === undefined || earliest <= earliestOf(item)) return earliestOf(item)
    const below = open.filter(({ last }) => last < earliest)
    const deadline = core.clock.monotonic() + core.limits.appendTimeoutMs
    for (const range of below) if (belief.outcomeOf(range.last) === undefined) await resolverOf(core, topic).resolve(range, { deadline })
    // Where there is no outcome, the fact has changed meanwhile.
    if (below.some(({ last }) => belief.outcomeOf(last) === undefined)) continue
    const answer = await storage.raiseEarliest(earliest, resolvedBelow(item, belief, earliest))
    if (answer.kind === 'refused') continue
    await removeBelow(core, storage, earliest)
    return earliest
  }
  throw new LogError('storage_unavailable', 'Too many appends changed the topic while it was trimmed.')
}

function youngOnes ({ limits, storeTime }: LogCore, open: readonly OpenRange[]): OpenRange[] {
  return open.filter(({ timeS }) => storeTime.now() - timeS * 1_000 < limits.holeGraceMs)
}

/** What was found of the facts below `earliest`. */
function resolvedBelow (item: TopicItem, belief: TopicBelief, earliest: number): Resolved {
  const producers = new Map<string, Fact>()
  for (const [id, { last, text }] of item.producers) {
    const record = decodeProducer(text)
    if (last >= earliest || record.riding.length === 0) continue
    producers.set(id, { last, text: encodeProducer(resolveProducer(record, last, belief.outcomeOf(last)!)) })
  }
  const { closing, order } = item
  const found = order === undefined ? undefined : decodeOrder(order.text)
  return {
    producers,
    ...order !== undefined && found?.range !== undefined && order.last < earliest && {
      order: { last: order.last, text: encodeOrder({ before: undefined, value: belief.outcomeOf(order.last) === 'void' ? found.before : found.value, range: undefined }) }
    },
    ...closing !== undefined && closing.last < earliest && { closing: { last: closing.last, stands: belief.outcomeOf(closing.last) !== 'void' } }
  }
}

/** Deletes the segments wholly below `earliest`, but for what may be a young seal. */
async function removeBelow (core: LogCore, storage: Storage, earliest: number): Promise<void> {
  for (let from = 1; ;) {
    const { entries, truncated, now } = await storage.list(from, core.limits.listMax)
    const below = entries.filter((entry) => entry.last < earliest)
    const lasts = below.filter((entry) => !mayBeYoungSeal(entry, now, core.limits)).map((entry) => entry.last)
    if (lasts.length > 0) await storage.remove(lasts)
    if (!truncated || below.length < entries.length) return
    from = below.at(-1)!.last + 1
  }
}

/**
 * Without its seal a range can be filled: a put that was late would succeed and be acknowledged, and readers that have
 * passed the seal would never see the message. Listings tell no seal from a small message, only its size.
 */
export function mayBeYoungSeal ({ size, lastModified }: SegmentEntry, now: number, { holeUnfillableAfterMs }: Limits): boolean {
  return size <= SEAL_BYTES_MAX && now - lastModified <= holeUnfillableAfterMs
}

/**
 * Ends the life of the topic (log §6.11): one update, then its segments are deleted. The item remains, so that no offset is
 * reserved twice: a message of a late writer can't appear in a topic that is created again.
 * @returns false if it did not exist
 * @throws StoreError, LogError; the segments may then be there in part, which is safe
 */
export async function deleteTopic (core: LogCore, topic: string): Promise<boolean> {
  const storage = new Storage(core, topic, createOperation())
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const item = await storage.item()
    if (!existsTopic(item)) return false
    const answer = await storage.markDeleted(item.currentOffset)
    if (answer.kind === 'refused') continue
    await removeBelow(core, storage, item.currentOffset + 1)
    return true
  }
  throw new LogError('storage_unavailable', 'Too many appends changed the topic while it was deleted.')
}
