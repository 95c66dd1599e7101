/** The largest time of a `Date`, in ms. A double represents integers up to it exactly, with room to spare. */
const TIME_MAX_MS = 8.64e15

/**
 * Creates the store's clock (log §2.5): the wall clock at the start, or the newest time in the file if that is later, plus
 * the time elapsed since.
 *
 * The age of a hole is the difference of two of its times. So it must never go back, not even after a restart, and never
 * jump forward while a put may be in progress. The wall clock can do both, so it is read only once.
 * @param newestMs the newest time in the file, in ms; 0 if there is none
 * @param wall the wall clock, in ms
 * @param elapsed ms since an arbitrary start; never decreases
 * @returns the current time in ms
 */
export function createStoreClock (newestMs: number, wall: () => number, elapsed: () => number): () => number {
  const start = Math.min(Math.max(wall(), newestMs), TIME_MAX_MS)
  const startedAt = elapsed()
  return () => Math.floor(start + elapsed() - startedAt)
}
