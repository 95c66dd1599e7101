/**
 * Shares the event loop between pieces of long work: of all that wait, one goes on each time the input that has arrived
 * meanwhile has been handled. However many large bodies are read at once, a turn holds the loop no longer than one piece.
 */
export class Turns {
  readonly #soon: (callback: () => void) => void
  readonly #waiting: Array<() => void> = []

  /** @param soon calls back when the input that has already arrived has been handled, such as `setImmediate` */
  constructor (soon: (callback: () => void) => void) {
    this.#soon = soon
  }

  next (): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) this.#schedule()
    })
  }

  #schedule (): void {
    this.#soon(() => {
      this.#waiting.shift()!()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }
}
