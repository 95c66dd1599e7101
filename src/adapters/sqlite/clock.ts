/**
 * The store's own clock: the wall clock, except that where that one is set back, it goes on from where it was.
 *
 * Log §4.4 compares the store's times with each other: a hole that a reader has passed over as dead must be one that no
 * put is accepted for any more. A clock that goes back and forth would break this, so it follows steps forward only.
 */
export function createSteadyClock (wall: () => number, elapsed: () => number): () => number {
  let time = wall()
  let mark = elapsed()
  return () => {
    const now = elapsed()
    time = Math.max(wall(), time + (now - mark))
    mark = now
    return Math.floor(time)
  }
}
