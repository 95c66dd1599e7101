import type { SegmentEntry } from '../../ports/segment-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import type { Limits } from '../limits.ts'
import { createOperation } from '../operation.ts'
import { SEAL_BYTES_MAX } from '../segments/segment.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

/**
 * Makes `before` the earliest offset and deletes the segments wholly below it (log §5): in this order, so that no
 * reader takes a deleted segment for a hole. Trimming past the end trims to the end. Objects that may be young seals are
 * left to the next trim.
 * @returns the topic's earliest offset now
 * @throws StoreError; the trim may then be incomplete, which is safe
 */
export async function trim (context: LogContext, topic: string, before: Offset): Promise<Offset> {
  const storage = new TopicStorage(context, topic, createOperation())
  const state = await storage.state()
  if (state === undefined) return 1
  const earliest = Math.min(before, state.currentOffset + 1)
  if (earliest <= state.earliest) return state.earliest
  await storage.raiseEarliest(earliest)
  for (let from = 1; ;) {
    const { entries, truncated, now } = await storage.list(from, context.limits.listMax)
    const below = entries.filter((entry) => entry.lastOffset < earliest)
    const lastOffsets = below.filter((entry) => !mayBeYoungSeal(entry, now, context.limits)).map((entry) => entry.lastOffset)
    if (lastOffsets.length > 0) await storage.remove(lastOffsets)
    if (!truncated || below.length < entries.length) return earliest
    from = below.at(-1)!.lastOffset + 1
  }
}

/**
 * A range without its seal can be filled: a late put would succeed and be acknowledged, and readers that have passed the
 * seal would never see the message. A listing shows only the size, by which a small message could be a seal, too.
 */
function mayBeYoungSeal ({ size, lastModified }: SegmentEntry, now: Ms, { holeUnfillableAfterMs }: Limits): boolean {
  return size <= SEAL_BYTES_MAX && now - lastModified <= holeUnfillableAfterMs
}

/**
 * Trims the topic to its end and marks it as deleted. The counter remains, so that no offset is reserved twice: a message
 * of a late writer can't appear in a topic that is created again.
 * @throws StoreError
 */
export async function deleteTopic (context: LogContext, topic: string): Promise<void> {
  const storage = new TopicStorage(context, topic, createOperation())
  const state = await storage.state()
  if (state === undefined) return
  await trim(context, topic, state.currentOffset + 1)
  await storage.markDeleted(state.currentOffset)
}
