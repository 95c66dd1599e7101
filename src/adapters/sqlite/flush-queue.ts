/** Flushes all that was written before the call. `done` is called once, with the error if it failed. */
export type Flush = (done: (error: Error | null) => void) => void

/** The writes up to this number are covered by the running flush. */
interface Running { readonly upTo: number }

/**
 * Flushes writes for callers that wait until their writes are on the disk. One flush runs at a time. It covers all writes
 * before its start; later ones share the next flush. A flush starts only if a caller waits.
 */
export class FlushQueue {
  readonly #flush: Flush
  readonly #onError: (error: Error) => void
  /** `scheduled`: starts after this turn of the event loop, so that all writes of the turn share the flush. */
  #state: 'idle' | 'scheduled' | Running = 'idle'
  /** Writes are numbered from 1. */
  #written = 0
  #flushed = 0
  /** For the callers of the running flush and of the next one; `undefined` if nobody waits. */
  #current: PromiseWithResolvers<void> | undefined
  #next: PromiseWithResolvers<void> | undefined
  #onIdle: (() => void) | undefined

  /** @param onError called when a flush has failed, to reject the callers with {@link rejectAll} */
  constructor (flush: Flush, onError: (error: Error) => void) {
    this.#flush = flush
    this.#onError = onError
  }

  /** To be called for each write. */
  add (): void {
    this.#written++
  }

  /** Whether every write is on the disk. */
  get isFlushed (): boolean { return this.#flushed === this.#written }

  /** Resolves when all writes so far are on the disk. @throws the error given to {@link rejectAll} */
  flushed (): Promise<void> {
    if (this.isFlushed) return Promise.resolve()
    const state = this.#state
    if (typeof state === 'object' && state.upTo === this.#written) return (this.#current ??= Promise.withResolvers()).promise
    if (state === 'idle') this.#schedule()
    return (this.#next ??= Promise.withResolvers()).promise
  }

  /** Rejects all callers that wait. */
  rejectAll (error: unknown): void {
    const waiting = [this.#current, this.#next]
    this.#current = this.#next = undefined
    for (const callers of waiting) callers?.reject(error)
  }

  /** Calls back when no flush is running or scheduled any more: at once, or after the flushes for the callers that wait. */
  whenIdle (callback: () => void): void {
    if (this.#state === 'idle') callback()
    else this.#onIdle = callback
  }

  #schedule (): void {
    this.#state = 'scheduled'
    setImmediate(() => { this.#run() })
  }

  #run (): void {
    const upTo = this.#written
    this.#state = { upTo }
    this.#current = this.#next
    this.#next = undefined
    this.#flush((error) => {
      this.#state = 'idle'
      if (error === null) {
        this.#flushed = upTo
        this.#current?.resolve()
        this.#current = undefined
      } else this.#onError(error)
      if (this.#next !== undefined) this.#schedule()
      else this.#onIdle?.()
    })
  }
}
