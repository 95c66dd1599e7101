import type { SegmentEntry } from '../../ports/segment-store.ts'

/** How much of a topic is kept. An absent member is no bound. */
export interface Retention {
  /** Segments that were stored longer ago than this may be removed, ms. */
  readonly retentionMs?: number | undefined
  /** The oldest segments may be removed as long as at least so much remains, bytes as stored. */
  readonly retentionBytes?: number | undefined
}

/**
 * What a sweep has found in a topic, so that the next one need not list it again. All times are the segment store's, in ms.
 * Stored as `swept` in the topic's item.
 */
export interface SweepNote {
  /** The topic's `earliest` at the time of the note. */
  readonly earliest: number
  /** When to look again for segments below `earliest`: 0 at once, `null` never, since none is left and none can be put there. */
  readonly againAtMs: number | null
  /** The first segment that is left. None was stored before `storedAtMs`. */
  readonly oldest?: { readonly storedAtMs: number, readonly bytes: number } | undefined
  readonly size?: TopicSize | undefined
}

/** The size of a topic up to an offset below which no segment can be put any more. */
export interface TopicSize {
  readonly to: number
  /** Bytes of the segments up to `to`, as stored. */
  readonly bytes: number
  /** False if some of the counted segments may be gone: `bytes` is then too high. */
  readonly exact: boolean
  /** The topic's last reserved offset, as seen at `endSeenMs`. */
  readonly end: number
  readonly endSeenMs: number
}

/** What must be listed. Times are the segment store's, in ms; `-Infinity`: at once, `Infinity`: not at all. */
export interface ListingPlan {
  /** From this time on the segments below `earliest` are looked for. */
  readonly belowAtMs: number
  /** From this time on the oldest segment may be too old. */
  readonly oldestAtMs: number
  /** What is known of the size, if it matters. Segments above `to` are not counted yet. */
  readonly size: TopicSize | undefined
}

/** Decides what must be listed to find out what may go: nothing, for most topics at most times. */
export function planListing (
  { earliest, currentOffset }: { readonly earliest: number, readonly currentOffset: number },
  { retentionMs, retentionBytes }: Retention,
  note: SweepNote | undefined
): ListingPlan {
  const isEmpty = earliest > currentOffset
  const isCurrent = note?.earliest === earliest
  return {
    belowAtMs: earliest === 1 ? Infinity : !isCurrent || note.againAtMs === 0 ? -Infinity : note.againAtMs ?? Infinity,
    oldestAtMs: isEmpty || retentionMs === undefined ? Infinity : (note?.oldest?.storedAtMs ?? -Infinity) + retentionMs,
    size: isEmpty || retentionBytes === undefined ? undefined : sizeBefore(earliest, isCurrent, note?.size)
  }
}

function sizeBefore (earliest: number, isCurrent: boolean, size: TopicSize | undefined): TopicSize {
  if (size === undefined) return nothingCounted(earliest)
  // If all that was counted is gone, nothing is counted.
  if (size.to < earliest) return { ...size, to: earliest - 1, bytes: 0, exact: true }
  return { ...size, exact: size.exact && isCurrent }
}

/** To count from the beginning. */
export function nothingCounted (earliest: number): TopicSize {
  return { to: earliest - 1, bytes: 0, exact: true, end: 0, endSeenMs: 0 }
}

/**
 * Decides how many of the oldest segments may go: those that are too old, and those without which enough remains. A segment
 * goes only with all that are older. With a bound by size, the newest segment always stays; by age, it goes, too.
 * @param oldest ascending, from the first one that is left
 * @param totalBytes of the topic with these; not used if its size has no bound
 * @param nowMs the segment store's time
 */
export function planTrim (
  oldest: readonly SegmentEntry[], { retentionMs, retentionBytes }: Retention, totalBytes: number, nowMs: number
): number {
  let left = totalBytes
  const stays = oldest.findIndex(({ size, lastModified }) => {
    left -= size
    const isTooOld = retentionMs !== undefined && nowMs - lastModified > retentionMs
    const isTooMuch = retentionBytes !== undefined && left >= Math.max(retentionBytes, 1)
    return !isTooOld && !isTooMuch
  })
  return stays === -1 ? oldest.length : stays
}

/*
 * The stored form: {"earliest":N,"again":MS|null,"oldest":[MS,BYTES],"size":[TO,BYTES,1|0,END,MS]}. Short, since it is in the
 * topic's item, of which each started KiB costs as much as an append.
 */

export function encodeNote ({ earliest, againAtMs, oldest, size }: SweepNote): string {
  return JSON.stringify({
    earliest,
    again: againAtMs,
    oldest: oldest && [oldest.storedAtMs, oldest.bytes],
    size: size && [size.to, size.bytes, size.exact ? 1 : 0, size.end, size.endSeenMs]
  })
}

/** @returns `undefined` if the text is not a note: the topic is then swept as if for the first time */
export function decodeNote (text: string | undefined): SweepNote | undefined {
  if (text === undefined) return undefined
  try {
    const { earliest, again, oldest, size } = JSON.parse(text) as {
      earliest: number, again: number | null, oldest?: [number, number], size?: [number, number, number, number, number]
    }
    const numbers = [earliest, again ?? 0, ...oldest?.slice(0, 2) ?? [0, 0], ...size?.slice(0, 5) ?? [0, 0, 0, 0, 0]]
    if (numbers.length !== 9 || !numbers.every(Number.isFinite)) return undefined
    return {
      earliest,
      againAtMs: again,
      oldest: oldest && { storedAtMs: oldest[0], bytes: oldest[1] },
      size: size && { to: size[0], bytes: size[1], exact: size[2] === 1, end: size[3], endSeenMs: size[4] }
    }
  } catch {
    return undefined
  }
}
