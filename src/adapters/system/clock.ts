import type { Clock } from '../../ports/clock.ts'

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  timer (ms, callback) {
    const handle = setTimeout(callback, ms)
    return () => clearTimeout(handle)
  },
  // The check phase comes after the poll phase: every request whose bytes are here has reached its handler by then.
  soon: (callback) => { setImmediate(callback) }
}
