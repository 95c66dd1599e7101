import type { Clock } from '../../ports/clock.ts'
import type { StoreInstant } from '../../ports/group-store.ts'
import type { Ms } from '../../ports/units.ts'

/** The store's clock between its answers, as far as a process can know it (groups §5). */
export class StoreClock {
  readonly #clock: Clock
  readonly #ageMs: Ms
  #heard: { readonly now: StoreInstant, readonly calledAt: Ms, readonly answeredAt: Ms } | undefined

  /** @param ageMs after which an answer tells nothing any more */
  constructor (clock: Clock, ageMs: Ms) {
    this.#clock = clock
    this.#ageMs = ageMs
  }

  /** @param calledAt monotonic ms at which the call began whose answer has just come with `now` */
  heard (now: StoreInstant, calledAt: Ms): void {
    this.#heard = { now, calledAt, answeredAt: this.#clock.monotonic() }
  }

  /** Whole ms. `undefined` if there was no answer for too long. */
  now (): StoreInstant | undefined {
    if (this.#heard === undefined) return undefined
    const { now, calledAt, answeredAt } = this.#heard
    const at = this.#clock.monotonic()
    if (at - answeredAt > this.#ageMs) return undefined
    return { low: Math.floor(now.low + at - answeredAt), high: Math.ceil(now.high + at - calledAt) }
  }
}
