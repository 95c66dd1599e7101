import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { noTelemetry } from '../../../domain/telemetry.ts'
import type { Telemetry } from '../../../ports/telemetry.ts'

/*
 * One limit for all bytes of request bodies and responses that the process holds for its clients. A request for which there
 * is no room waits, and gets `server_busy` if none becomes free. Clients that send or receive too slowly are disconnected,
 * but only while other requests wait: otherwise a slow client does no harm.
 */

/** The memory of a request: the body that the client has sent, or the response that it has not received yet. */
export class Hold {
  readonly #budget: MemoryBudget
  #bytes = 0
  #released = false
  /** Since when the server waits for the client, in ms of `performance.now`; `undefined` if it does not. */
  #clientSince: number | undefined
  #cutOff: (() => void) | undefined

  constructor (budget: MemoryBudget) {
    this.#budget = budget
  }

  get bytes (): number { return this.#bytes }

  /** Adds bytes if there is room for them now. @returns whether there was */
  tryAdd (bytes: number): boolean {
    if (this.#released || !this.#budget.hasRoom(this.#bytes, bytes)) return false
    this.#set(this.#bytes + bytes)
    return true
  }

  /**
   * Adds bytes as soon as there is room for them.
   * @throws LogError `server_busy`, or `request_timeout` if the request has ended in the meantime
   */
  async add (bytes: number): Promise<void> {
    if (this.tryAdd(bytes)) return
    if (this.#released) throw clientGone()
    await this.#budget.wait(this, bytes)
  }

  /** Sets the bytes: to fewer, or to more that are in memory already, without a check. */
  resize (bytes: number): void {
    if (!this.#released && bytes !== this.#bytes) this.#set(bytes)
  }

  /** From now on the server waits for the client. `cutOff` is called if the client takes too long while other requests wait. */
  awaitClient (cutOff: () => void): void {
    this.#clientSince = performance.now()
    this.#cutOff = cutOff
  }

  /** The server no longer waits for the client. */
  clientDone (): void {
    this.#clientSince = undefined
    this.#cutOff = undefined
  }

  /** To be called when the request has ended. Further calls have no effect. */
  release (): void {
    if (this.#released) return
    this.#set(0)
    this.#released = true
    this.clientDone()
    this.#budget.forget(this)
  }

  /** Adds bytes for which the hold has waited. */
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
  readonly #telemetry: Telemetry
  #used = 0
  /** Holds with bytes, the oldest first. */
  readonly #holds = new Set<Hold>()
  /** The oldest first. */
  #waiting: Waiter[] = []
  #watch: NodeJS.Timeout | undefined

  /** @param bytesMax must be several times what one request can hold: a body and its decompressed form */
  constructor (bytesMax: number, limits: Limits, telemetry = noTelemetry) {
    this.#bytesMax = bytesMax
    this.#telemetry = telemetry
    this.limits = limits
  }

  get usedBytes (): number { return this.#used }

  hold (): Hold {
    return new Hold(this)
  }

  /** Whether a request that holds `held` bytes can add `more` now. The last eighth is reserved for small requests, which never wait. */
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
      this.#watch ??= setInterval(() => { this.#makeRoom() }, 250)
    })
  }

  changed (hold: Hold, before: number, after: number): void {
    this.#used += after - before
    this.#telemetry.bytesHeld(this.#used)
    if (after === 0) this.#holds.delete(hold)
    else if (before === 0) this.#holds.add(hold)
    if (after < before && this.#waiting.length > 0) this.#grantWaiting()
  }

  /** To be called when the request has ended: its waiters are rejected. */
  forget (hold: Hold): void {
    if (this.#waiting.length === 0) return
    for (const { reject } of this.#waiting.filter((waiter) => waiter.hold === hold)) reject(clientGone())
    this.#waiting = this.#waiting.filter((waiter) => waiter.hold !== hold)
    this.#grantWaiting()
  }

  #grantWaiting (): void {
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

  /** Disconnects slow clients, and rejects requests that have waited too long. */
  #makeRoom (): void {
    const now = performance.now()
    for (const hold of [...this.#holds]) {
      if (this.#waiting.length === 0) return
      if (!hold.cutOffIfLate(now)) continue
      hold.release()
      this.#telemetry.refused('memory')
    }
    for (const { reject } of this.#waiting.filter(({ until }) => until <= now)) {
      reject(serverBusy())
      this.#telemetry.refused('memory')
    }
    this.#waiting = this.#waiting.filter(({ until }) => until > now)
    this.#grantWaiting()
  }
}

export function serverBusy (): LogError {
  return new LogError('server_busy', 'The server has reached its limit for bytes that are held for clients (MAX_BUFFERED_BYTES).')
}

export function clientGone (): LogError {
  return new LogError('request_timeout', 'The client has closed the connection.')
}
