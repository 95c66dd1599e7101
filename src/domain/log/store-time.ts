import type { Clock } from '../../ports/clock.ts'

/** The topic store's clock as last heard, for waiting and for ages of a day; nothing that must be right depends on it. */
export class StoreTime {
  readonly #clock: Clock
  #offsetMs: number | undefined

  constructor (clock: Clock) {
    this.#clock = clock
  }

  heard (timeMs: number): void {
    this.#offsetMs = timeMs - this.#clock.monotonic()
  }

  /** In ms; by this machine's clock until the store's was heard. */
  now (): number {
    return this.#offsetMs === undefined ? this.#clock.wall() : this.#clock.monotonic() + this.#offsetMs
  }
}
