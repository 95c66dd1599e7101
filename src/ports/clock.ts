import type { Ms } from './units.ts'
/** The clock and the timers of a process. The domain uses no others. */
export interface Clock {
  /** Wall clock, ms since epoch. Only for timestamps that people read: the domain never compares it with the clock of another machine. */
  wall (): Ms
  /** Milliseconds since an arbitrary start; never decreases. For deadlines. */
  monotonic (): Ms
  /** Calls back once after `ms`. The returned function cancels the timer. */
  timer (ms: Ms, callback: () => void): () => void
  /** Calls back after the input that has already arrived has been handled, so that appends that arrive together can be collected. */
  afterCurrentInput (callback: () => void): void
}
