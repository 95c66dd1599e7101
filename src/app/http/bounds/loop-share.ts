/**
 * Limits the bytes that are copied in one turn of the event loop, for all connections together. Sockets and caches can have
 * hundreds of megabytes ready at the same time, and all other requests would wait until everything is copied.
 */
export class LoopShare {
  readonly #bytesPerTurn: number
  #used = 0

  constructor (bytesPerTurn: number) {
    this.#bytesPerTurn = bytesPerTurn
  }

  /** Whether this turn has room left. */
  get hasRoom (): boolean { return this.#used < this.#bytesPerTurn }

  /** To be called with the bytes that are copied in this turn. */
  spend (bytes: number): void {
    if (this.#used === 0) setImmediate(() => { this.#used = 0 })
    this.#used += bytes
  }

  /** Resolves in a turn with room. The caller must call `spend` before it awaits anything else. */
  async room (): Promise<void> {
    while (!this.hasRoom) await new Promise(setImmediate)
  }
}
