import type { SegmentEntry, SegmentListing } from '../../ports/segment-store.ts'
import type { Limits } from '../limits.ts'
import { SEAL_BYTES_MAX } from '../segments/segment.ts'

/** The calls to storage of a removal. */
export interface RemovalStorage {
  list (from: number, limit: number): Promise<SegmentListing>
  remove (lasts: readonly number[]): Promise<void>
  /** Whether there is no time for more: what is left goes the next time. */
  readonly late: boolean
}

export interface Removed {
  readonly segments: number
  /** As stored. */
  readonly bytes: number
}

/**
 * Removes the segments wholly below `earliest`, which must have been raised before (log §5). What may be a young seal stays.
 * @throws StoreError; what was not removed then goes the next time
 */
export async function removeBelow (storage: RemovalStorage, earliest: number, limits: Limits): Promise<Removed> {
  let segments = 0
  let bytes = 0
  for (let from = 1; from < earliest && !storage.late;) {
    const { entries, truncated, now } = await storage.list(from, limits.listMax)
    const below = entries.filter((entry) => entry.lastOffset < earliest)
    const going = below.filter((entry) => !mayBeYoungSeal(entry, now, limits))
    if (going.length > 0) await storage.remove(going.map(({ lastOffset: last }) => last))
    segments += going.length
    bytes += bytesOf(going)
    if (!truncated || below.length < entries.length) break
    from = below.at(-1)!.lastOffset + 1
  }
  return { segments, bytes }
}

/**
 * Without its seal a range can be filled: a put that was late would succeed and be acknowledged, and readers that have
 * passed the seal would never see the message. Listings tell no seal from a small message, only its size.
 * @param now the store's clock, ms, from the listing
 */
export function mayBeYoungSeal ({ size, lastModified }: SegmentEntry, now: number, { holeUnfillableAfterMs }: Limits): boolean {
  return size <= SEAL_BYTES_MAX && now - lastModified <= holeUnfillableAfterMs
}

export function bytesOf (entries: readonly SegmentEntry[]): number {
  return entries.reduce((sum, { size }) => sum + size, 0)
}
