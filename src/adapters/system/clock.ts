import type { Clock } from '../../ports/clock.ts'

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  timer (ms, callback) {
    const handle = setTimeout(callback, ms)
    return () => clearTimeout(handle)
  },
  // The check phase follows the poll phase: by then, every request whose bytes have arrived has reached its handler.
  afterCurrentInput: (callback) => { setImmediate(callback) }
}
