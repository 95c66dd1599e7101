import type { Clock } from '../../ports/clock.ts'

/** An estimate of the topic store's clock, for waits and for ages of a day. No guarantee depends on it. */
export class StoreTime {
  readonly #clock: Clock
  #offsetMs: number | undefined

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** Sets the estimate. @param timeMs the store's time, ms since epoch, in an answer that has just come */
  heard (timeMs: number): void {
    this.#offsetMs = timeMs - this.#clock.monotonic()
  }

  /** Ms since epoch; by this machine's clock until the first answer of the store. */
  now (): number {
    return this.#offsetMs === undefined ? this.#clock.wall() : this.#clock.monotonic() + this.#offsetMs
  }
}
