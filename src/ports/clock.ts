/** Time and turns of a process. Everything in the domain that waits, waits through this. */
export interface Clock {
  /** Wall clock, ms since epoch. For timestamps that people read; no decision of the domain compares it with another machine's. */
  wall (): number
  /** Ms from an arbitrary start, never going back. For deadlines. */
  monotonic (): number
  /** Calls back once after `ms`; the returned function cancels. */
  timer (ms: number, callback: () => void): () => void
  /** Calls back when the input that has already arrived has been looked at: the moment to gather what came together. */
  soon (callback: () => void): void
}
