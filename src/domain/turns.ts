/**
 * Shares the event loop between long tasks that are done in pieces. After each handling of the input that has arrived,
 * one waiting task does its next piece. So the loop is blocked for one piece at most, however many large bodies are read.
 */
export class Turns {
  readonly #afterCurrentInput: (callback: () => void) => void
  readonly #waiting: Array<() => void> = []

  /** @param afterCurrentInput calls back when the input that has already arrived has been handled, such as `setImmediate` */
  constructor (afterCurrentInput: (callback: () => void) => void) {
    this.#afterCurrentInput = afterCurrentInput
  }

  next (): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) this.#schedule()
    })
  }

  #schedule (): void {
    this.#afterCurrentInput(() => {
      this.#waiting.shift()!()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }
}
