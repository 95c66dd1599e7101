import { LRUCache } from 'lru-cache'
import type { Bytes, Offset } from '../../ports/units.ts'
import type { Segment } from '../segments/segment.ts'

/**
 * Decoded segments by topic and last offset; the least recently used are dropped first. Entries are never stale: stored
 * objects never change, and readers never ask for trimmed ones, because these are below `earliest`.
 */
export class SegmentCache {
  readonly #segments: LRUCache<string, Segment> | undefined
  /**
   * Topic and next read offset → last offset of the segment there. `maxSize`, because lru-cache allocates all slots of `max` at
   * construction.
   */
  readonly #lastOffsets = new LRUCache<string, Offset>({ maxSize: 10_000, sizeCalculation: () => 1 })

  /** @param bytes of memory for segments; with 0, nothing is cached */
  constructor (bytes: Bytes) {
    if (bytes > 0) this.#segments = new LRUCache({ maxSize: bytes, sizeCalculation: weigh })
  }

  get (topic: string, last: Offset): Segment | undefined {
    return this.#segments?.get(`${topic}/${last}`)
  }

  set (topic: string, segment: Segment): void {
    if (this.#segments === undefined) return
    this.#segments.set(`${topic}/${segment.last}`, segment)
    this.#lastOffsets.set(`${topic}/${segment.first}`, segment.last)
  }

  /** A page ended before `offset`, inside `segment`: the next read can load the segment without a LIST. */
  rememberSegmentAt (topic: string, offset: Offset, { last }: Segment): void {
    this.#lastOffsets.set(`${topic}/${offset}`, last)
  }

  /** The last offset of the segment that begins at `offset`, or in which a page ended before `offset`; `undefined` if that is not known. */
  lastOffsetOfSegmentAt (topic: string, offset: Offset): Offset | undefined {
    return this.#lastOffsets.get(`${topic}/${offset}`)
  }
}

/** Estimated memory of a segment: its bytes, 256 for the objects around them, and 4 for the position of each line. */
function weigh (segment: Segment): number {
  if (segment.kind === 'seal') return 256 + segment.bytes
  return 256 + segment.bytes + (segment.stored?.body.length ?? 0) + (segment.last - segment.first + 1) * 4
}
