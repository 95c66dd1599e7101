import { LogError } from '../domain/errors.ts'
import { defaultLimits, type Limits } from '../domain/limits.ts'

/*
 * One bound for all bytes of bodies and answers that the process holds for its clients. A request that finds no room
 * waits for it, and hears `server_busy` when none becomes free. Clients that send or take too slowly are cut off, but only
 * while others wait: a slow client does no harm on a server with room.
 */

/** What a request holds: the body that it has sent, or the answer that it has not taken yet. */
export class Hold {
  readonly #budget: MemoryBudget
  #bytes = 0
  #released = false
  /** Since when the client has been the one who keeps this hold, by `performance.now`. */
  #clientSince: number | undefined
  #cutOff: (() => void) | undefined

  constructor (budget: MemoryBudget) {
    this.#budget = budget
  }

  get bytes (): number { return this.#bytes }

  /** Takes so many bytes more if there is room for them now. */
  tryAdd (bytes: number): boolean {
    if (this.#released || !this.#budget.hasRoom(this.#bytes, bytes)) return false
    this.#set(this.#bytes + bytes)
    return true
  }

  /**
   * Takes so many bytes more as soon as there is room for them.
   * @throws LogError `server_busy`, or `request_timeout` when the request has ended meanwhile
   */
  async add (bytes: number): Promise<void> {
    if (this.tryAdd(bytes)) return
    if (this.#released) throw clientGone()
    await this.#budget.wait(this, bytes)
  }

  /** To fewer bytes, or to more that are there already. */
  resize (bytes: number): void {
    if (!this.#released && bytes !== this.#bytes) this.#set(bytes)
  }

  /** From now on the client is awaited. `cutOff` is called if it takes too long while others wait. */
  awaitClient (cutOff: () => void): void {
    this.#clientSince = performance.now()
    this.#cutOff = cutOff
  }

  /** The client has done its part; what follows is the server's time. */
  clientDone (): void {
    this.#clientSince = undefined
    this.#cutOff = undefined
  }

  /** The request has ended. Again has no effect. */
  release (): void {
    if (this.#released) return
    this.#set(0)
    this.#released = true
    this.clientDone()
    this.#budget.forget(this)
  }

  /** Grants what was waited for. */
  grant (bytes: number): void {
    this.#set(this.#bytes + bytes)
  }

  cutOffIfLate (now: number): boolean {
    if (this.#clientSince === undefined || this.#cutOff === undefined || this.#bytes === 0) return false
    const { clientGraceMs, clientBytesPerSecondMin } = this.#budget.limits
    const allowedMs = clientGraceMs + this.#bytes / clientBytesPerSecondMin * 1_000
    if (now - this.#clientSince <= allowedMs) return false
    const cutOff = this.#cutOff
    this.clientDone()
    cutOff()
    return true
  }

  #set (bytes: number): void {
    const before = this.#bytes
    this.#bytes = bytes
    this.#budget.changed(this, before, bytes)
  }
}

interface Waiter {
  readonly hold: Hold
  readonly bytes: number
  readonly until: number
  readonly resolve: () => void
  readonly reject: (error: LogError) => void
}

export class MemoryBudget {
  readonly limits: Limits
  readonly #bytesMax: number
  #used = 0
  /** Those with bytes, in the order in which they got their first. */
  readonly #holds = new Set<Hold>()
  /** In the order in which they came. */
  #waiting: Waiter[] = []
  #watch: NodeJS.Timeout | undefined

  /** @param bytesMax has to be some times what one request can hold: a body, and what it becomes when decompressed */
  constructor (bytesMax: number, limits: Limits = defaultLimits) {
    this.#bytesMax = bytesMax
    this.limits = limits
  }

  get usedBytes (): number { return this.#used }

  hold (): Hold {
    return new Hold(this)
  }

  /** Whether a request that holds `held` bytes can have `more` at once. The last eighth is for small requests, which never queue. */
  hasRoom (held: number, more: number): boolean {
    if (held + more <= this.limits.smallRequestBytes) return this.#used + more <= this.#bytesMax
    return this.#waiting.length === 0 && this.#fits(more)
  }

  #fits (more: number): boolean {
    return this.#used + more <= this.#bytesMax * 7 / 8
  }

  wait (hold: Hold, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ hold, bytes, until: performance.now() + this.limits.memoryWaitMs, resolve, reject })
      this.#watch ??= setInterval(() => { this.#relieve() }, 250)
    })
  }

  changed (hold: Hold, before: number, after: number): void {
    this.#used += after - before
    if (after === 0) this.#holds.delete(hold)
    else if (before === 0) this.#holds.add(hold)
    if (after < before && this.#waiting.length > 0) this.#serve()
  }

  /** The request has ended: it waits for nothing any more. */
  forget (hold: Hold): void {
    if (this.#waiting.length === 0) return
    for (const { reject } of this.#waiting.filter((waiter) => waiter.hold === hold)) reject(clientGone())
    this.#waiting = this.#waiting.filter((waiter) => waiter.hold !== hold)
    this.#serve()
  }

  #serve (): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!this.#fits(first.bytes)) break
      this.#waiting.shift()
      first.hold.grant(first.bytes)
      first.resolve()
    }
    if (this.#waiting.length > 0) return
    clearInterval(this.#watch)
    this.#watch = undefined
  }

  /** Cuts off who is late, and tells who has waited too long. */
  #relieve (): void {
    const now = performance.now()
    for (const hold of [...this.#holds]) {
      if (this.#waiting.length === 0) return
      if (hold.cutOffIfLate(now)) hold.release()
    }
    for (const { reject } of this.#waiting.filter(({ until }) => until <= now)) reject(serverBusy())
    this.#waiting = this.#waiting.filter(({ until }) => until > now)
    this.#serve()
  }
}

export function serverBusy (): LogError {
  return new LogError('server_busy', 'The server holds as many bytes for its clients as it may (MAX_BUFFERED_BYTES).')
}

export function clientGone (): LogError {
  return new LogError('request_timeout', 'The client has closed the connection.')
}
