import type { SegmentEntry, SegmentListing } from '../../ports/segment-store.ts'
import type { Limits } from '../limits.ts'
import { SEAL_BYTES_MAX } from '../segments/segment.ts'

/** The storage calls that a removal makes. */
export interface RemovalStorage {
  list (from: number, limit: number): Promise<SegmentListing>
  remove (lasts: readonly number[]): Promise<void>
  /** Whether the time is up. The remaining segments are left to the next removal. */
  readonly late: boolean
}

export interface Removed {
  readonly segments: number
  /** As stored, after compression. */
  readonly bytes: number
}

/**
 * Removes the segments wholly below `earliest`, which must be the topic's earliest offset already (log §5). Objects that may
 * be young seals are left to the next removal.
 * @throws StoreError; the removal may then be incomplete, which is safe
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
 * A range without its seal can be filled: a late put would succeed and be acknowledged, and readers that have passed the
 * seal would never see the message. A listing shows only the size, by which a small message could be a seal, too.
 * @param now the store's clock, ms, from the listing
 */
export function mayBeYoungSeal ({ size, lastModified }: SegmentEntry, now: number, { holeUnfillableAfterMs }: Limits): boolean {
  return size <= SEAL_BYTES_MAX && now - lastModified <= holeUnfillableAfterMs
}

export function bytesOf (entries: readonly SegmentEntry[]): number {
  return entries.reduce((sum, { size }) => sum + size, 0)
}
