/**
 * Bounds the bytes that are copied in one turn of the event loop, for all connections together: sockets and caches can have
 * hundreds of megabytes ready at once, and every other request would wait until all of it is copied.
 */
export class LoopShare {
  readonly #bytesPerTurn: number
  #used = 0

  constructor (bytesPerTurn: number) {
    this.#bytesPerTurn = bytesPerTurn
  }

  /** Whether this turn has room left. */
  get hasRoom (): boolean { return this.#used < this.#bytesPerTurn }

  /** To be called with what was copied in this turn. */
  spend (bytes: number): void {
    if (this.#used === 0) setImmediate(() => { this.#used = 0 })
    this.#used += bytes
  }

  /** Resolves in a turn with room. The caller has to spend before it waits for anything else. */
  async room (): Promise<void> {
    while (!this.hasRoom) await new Promise(setImmediate)
  }
}
