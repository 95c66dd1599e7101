import type { TopicState } from '../ports/offset-counter.ts'
import type { Storage } from './core.ts'
import type { Limits } from './limits.ts'
import { encodeSeal, type Segment } from './segment.ts'

/**
 * What to do about offsets at which there is no object although higher ones were handed out (log §4.3):
 * `wait`, their writer is probably still putting; `pass`, nobody can put there any more; `seal`, make that so.
 */
export type Verdict = 'wait' | 'pass' | 'seal'

/**
 * A hole below a segment. Its reservation came before that segment's, so it is at least as old as that segment is.
 *
 * A segment from the future was stored while the store's clock was wrong, so its age is not known. The hole is sealed
 * at once: a seal is safe at any age, and the clock may take years to get there.
 * @param now the segment store's own clock, ms, from the listing that named the segment
 */
export function judgeHoleBelow (above: Segment, aboveLastModified: number, now: number, limits: Limits): Verdict {
  const age = now - aboveLastModified
  if (age > limits.holeUnfillableAfterMs) return 'pass'
  // Whoever put a hole seal judged everything below it, too: no second grace.
  if (above.kind === 'seal' && above.sealed === 'hole') return 'seal'
  return Math.abs(age) > limits.holeGraceMs ? 'seal' : 'wait'
}

/**
 * A hole that reaches up to the topic's end. There is no segment to tell its age, only `reservedAt`, which may be by the
 * clock of a writer. So the hole is never taken for dead: a seal is safe with any clock, passing over is not.
 *
 * `correct`: the time is absent or in the future. Set it to `now`; the grace is counted from there. Not sealed at once,
 * since the writer may be alive and only its clock wrong. The two clocks may differ a little, so times less than the
 * grace ahead are waited for.
 * @param now the segment store's own clock, ms
 */
export function judgeTailHole ({ reservedAt }: TopicState, now: number, limits: Limits): 'wait' | 'seal' | 'correct' {
  if (reservedAt === undefined || reservedAt - now > limits.holeGraceMs) return 'correct'
  return now - reservedAt > limits.holeGraceMs ? 'seal' : 'wait'
}

/**
 * Seals `bottom … top`, one offset at a time, from the top down and never in parallel: a batch is put at its last
 * offset, so with a lower one sealed first it could still land on top and lose the messages below. Where a seal is
 * refused somebody's segment is there, and the sealing goes on below that segment's first offset.
 * @param budget the most seals to put
 * @returns how many puts it took
 * @throws what the storage throws; what was sealed until then stays sealed, which is safe
 */
export async function sealDown (storage: Storage, top: number, bottom: number, budget: number, limits: Limits): Promise<number> {
  let puts = 0
  let at = top
  while (at >= bottom && puts < budget) {
    puts++
    if (await storage.put(at, encodeSeal(at, at, 'hole'), null, limits.putTimeoutMs) === 'created') {
      at--
      continue
    }
    const found = await storage.segment(at)
    if (found === undefined) break // trimmed meanwhile: the topic's item tells the rest
    at = found.first - 1
  }
  return puts
}
