import type { TopicItem } from '../../ports/topic-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import type { Limits } from '../limits.ts'
import { encodeSeal, type Segment } from '../segments/segment.ts'
import type { TopicStorage } from './topic-storage.ts'

/**
 * What to do about a hole, offsets without an object below the end (log §4.3). `wait`: the writer is probably still
 * putting. `pass`: nobody can put there any more. `seal`: put a seal, so that nobody can.
 */
export type Verdict = 'wait' | 'pass' | 'seal'

/** Of a hole below a segment. Times are by the segment store's clock. */
export interface HoleBelow {
  /** The segment right above. */
  readonly above: Segment
  /** How many offsets the hole has. */
  readonly offsets: number
  /** Of the oldest segment above. */
  readonly lastModified: Ms
  /** Of the listing that named them. */
  readonly now: Ms
}

/**
 * Decides about a hole below segments. The hole was reserved before each of them, so it is at least as old.
 *
 * If that time is in the future, the store's clock was wrong, and the age is not known. The hole is then sealed at once: a seal
 * is safe at any age, and the clock may take years to reach that time.
 */
export function judgeHoleBelow ({ above, offsets, lastModified, now }: HoleBelow, limits: Limits): Verdict {
  const age = now - lastModified
  if (age > limits.holeUnfillableAfterMs) return 'pass'
  // So many seals would take longer than the wait, and cost more than all messages did.
  if (offsets > limits.holeSealsMax && -age <= limits.holeGraceMs) return 'wait'
  // The reader that put this seal had examined everything below it, too.
  if (above.kind === 'seal' && above.sealed === 'hole') return 'seal'
  return Math.abs(age) > limits.holeGraceMs ? 'seal' : 'wait'
}

/**
 * Decides about a hole that reaches up to the topic's end. Its age is known only from `writerReservedAtMs`, which may be by a
 * writer's clock. So the hole is never passed over: a seal is safe with any clock, passing over is not.
 *
 * `correct`: `writerReservedAtMs` is absent or in the future. The caller sets it to `now`, and the grace is counted from then
 * on. The hole is not sealed at once, because the writer may be alive and only its clock wrong. Correct clocks may differ a
 * little, so a time that is ahead by less than the grace is accepted.
 * @param now the segment store's own clock, ms
 */
export function judgeTailHole (
  { reservedAtMs: writerReservedAtMs }: Pick<TopicItem, 'reservedAtMs'>, now: Ms, limits: Limits
): 'wait' | 'seal' | 'correct' {
  if (writerReservedAtMs === undefined || writerReservedAtMs - now > limits.holeGraceMs) return 'correct'
  return now - writerReservedAtMs > limits.holeGraceMs ? 'seal' : 'wait'
}

export interface SealOptions {
  readonly top: Offset
  readonly bottom: Offset
  /** Most seals to put. */
  readonly budget: number
}

/**
 * Seals `bottom … top`, one offset at a time, from the top down and never in parallel: a batch is put at its last
 * offset. If a lower offset were sealed first, the batch could still be stored above it, and its lower messages would be
 * lost. If a seal is refused, a segment is there, and sealing continues below that segment's first offset.
 * @returns the number of puts
 * @throws StoreError, LogError; the seals put until then remain, which is safe
 */
export async function sealDown (storage: TopicStorage, { top, bottom, budget }: SealOptions, limits: Limits): Promise<number> {
  let puts = 0
  let at = top
  while (at >= bottom && puts < budget) {
    puts++
    const put = await storage.put(at, encodeSeal(at, at, 'hole'), { reservedAtMs: null, timeoutMs: limits.putTimeoutMs })
    if (put === 'created') {
      storage.sealed('hole')
      at--
      continue
    }
    const found = await storage.segment(at)
    if (found === undefined) break // trimmed in the meantime: the next read of the topic's item shows it
    at = found.first - 1
  }
  return puts
}
