/** The last millisecond that a `Date` can tell; some way below the integers that a double holds exactly. */
const TIME_MAX_MS = 8.64e15

/**
 * The store's own clock (log §2.5): starts at the wall clock, or at the newest time in the file if that is later, and
 * goes on by the time that has elapsed since.
 *
 * Ages of holes are differences of its times. So it must never go back, within a run or over restarts, and never jump
 * forward while a put may be under way. The wall clock does both; it is read once, at the start.
 * @param newestMs the newest time in the file, in ms; 0 if there is none
 * @param wall the wall clock, in ms
 * @param elapsed ms from an arbitrary start, never going back
 */
export function createStoreClock (newestMs: number, wall: () => number, elapsed: () => number): () => number {
  const start = Math.min(Math.max(wall(), newestMs), TIME_MAX_MS)
  const startedAt = elapsed()
  return () => Math.floor(start + elapsed() - startedAt)
}
