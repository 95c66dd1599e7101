import type { Bytes } from '../../ports/units.ts'

/** Memory for pages that the receives of a group share, for all groups of a process together. */
export class PageBudget {
  #bytes: Bytes = 0
  readonly #max: Bytes

  constructor (max: Bytes) {
    this.#max = max
  }

  /** @returns false if there is no room for so much */
  take (bytes: Bytes): boolean {
    if (this.#bytes + bytes > this.#max) return false
    this.#bytes += bytes
    return true
  }

  giveBack (bytes: Bytes): void {
    this.#bytes -= bytes
  }
}
