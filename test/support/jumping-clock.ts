import type { Clock } from '../../src/ports/clock.ts'

/**
 * A clock for tests of code whose time and calls go through ports. When nothing else is left to do, it jumps to the next timer,
 * so that a wait of seconds takes no time. It does not see real input and output: work that waits for a file or a socket is overtaken.
 */
export class JumpingClock implements Clock {
  /** ms since epoch. A test may set it forward or back, as somebody sets the clock of a machine; timers do not notice. */
  wallMs = 1_702_000_000_000
  #monotonicMs = 0
  #inputPending = 0
  #jumpPending = false
  /** In the order of their creation. */
  readonly #timers = new Set<{ readonly at: number, readonly callback: () => void }>()

  readonly wall = (): number => this.wallMs

  readonly monotonic = (): number => this.#monotonicMs

  readonly timer = (ms: number, callback: () => void): () => void => {
    const timer = { at: this.#monotonicMs + Math.max(0, ms), callback }
    this.#timers.add(timer)
    this.#jumpWhenIdle()
    return () => { this.#timers.delete(timer) }
  }

  readonly afterCurrentInput = (callback: () => void): void => {
    this.#inputPending++
    setImmediate(() => {
      this.#inputPending--
      callback()
    })
  }

  /** Resolves when so much of this clock's time has passed. */
  sleep (ms: number): Promise<void> {
    return new Promise((resolve) => { this.timer(ms, resolve) })
  }

  /** An immediate runs after all promises that are settled have been handled. */
  #jumpWhenIdle (): void {
    if (this.#jumpPending) return
    this.#jumpPending = true
    setImmediate(() => {
      this.#jumpPending = false
      if (this.#inputPending === 0) this.#jump()
      if (this.#timers.size > 0) this.#jumpWhenIdle()
    })
  }

  #jump (): void {
    if (this.#timers.size === 0) return
    const next = [...this.#timers].reduce((first, timer) => timer.at < first.at ? timer : first)
    this.#timers.delete(next)
    this.wallMs += next.at - this.#monotonicMs
    this.#monotonicMs = next.at
    next.callback()
  }
}
