import type { Clock } from '../../ports/clock.ts'
import { StoreError } from '../../ports/errors.ts'
import { LogError } from '../errors.ts'
import type { Limits } from '../limits.ts'

/** By what the window shrinks: when a call timed out, and when one was answered late or throttled. */
const AFTER_TIMEOUT = 1 / 4
const AFTER_SLOW = 0.7
/** The weight of a new sample in the moving average of the latency. */
const LATENCY_WEIGHT = 1 / 4

/** Something that waits for room. */
export interface Waiter {
  /** How many bytes it would send now. */
  bytes (): number
  /** There is room for `bytes`, which were measured by the method above. It enters the window at once, or never. */
  start (bytes: number): void
  /** It will never start. */
  dropped? (): void
}

/**
 * The congestion window of the process's link to a store (log §3.6): how many bytes may be on their way at one time,
 * whatever the topic. It grows as long as calls are answered quickly, and shrinks when they are late or time out, so
 * that what is on its way gets through within one call's time-out. Those that find no room wait, in turn by key.
 */
export class LinkWindow {
  readonly #clock: Clock
  readonly #limits: Limits
  #bytes: number
  #inFlight = 0
  #inFlightBytes = 0
  /** How long a call takes when the link is idle, in ms: the part of its duration that a smaller window can't change. */
  #latencyMs = 0
  /** Monotonic ms. A call that was sent before this tells nothing about the window as it is now. */
  #shrunkAt = -Infinity
  readonly #waiting = new Map<object, Waiter[]>()
  #backlogBytes = 0

  constructor (clock: Clock, limits: Limits) {
    this.#clock = clock
    this.#limits = limits
    this.#bytes = limits.windowBytesInitial
  }

  /** How many bytes may be in flight. */
  get bytes (): number { return this.#bytes }

  /** Of the window, the part of each of those that use it or wait for it. */
  get share (): number {
    const users = Math.min(this.#limits.storeCallsMax, this.#inFlight + Math.max(1, this.#waiting.size))
    return Math.max(this.#limits.windowBytesMin, this.#bytes / users)
  }

  /** Whether a call of `bytes` may start now, ahead of nobody. A call that is larger than the window goes alone. */
  hasRoom (bytes: number): boolean {
    return this.#waiting.size === 0 && this.#fits(bytes)
  }

  #fits (bytes: number): boolean {
    return this.#inFlight === 0 || (this.#inFlight < this.#limits.storeCallsMax && this.#inFlightBytes + bytes <= this.#bytes)
  }

  enter (bytes: number): Flight {
    const flight = new Flight(this, bytes, this.#inFlightBytes + bytes, bytes > this.#bytes)
    this.#inFlight++
    this.#inFlightBytes += bytes
    return flight
  }

  /** To be called by the flight only. */
  release (bytes: number): void {
    this.#inFlight--
    this.#inFlightBytes -= bytes
    if (this.#waiting.size > 0) this.#serve()
  }

  /** Queues behind the others with the same key; keys take turns. */
  wait (key: object, waiter: Waiter): void {
    const waiters = this.#waiting.get(key)
    if (waiters === undefined) this.#waiting.set(key, [waiter])
    else waiters.push(waiter)
  }

  /** Takes all waiters with that key out of the queue. */
  drop (key: object): void {
    const waiters = this.#waiting.get(key)
    if (waiters === undefined) return
    this.#waiting.delete(key)
    for (const waiter of waiters) waiter.dropped?.()
  }

  /** Takes a waiter out of the queue. */
  cancel (key: object, waiter: Waiter): void {
    const waiters = this.#waiting.get(key)
    if (waiters === undefined) return
    const rest = waiters.filter((other) => other !== waiter)
    if (rest.length > 0) this.#waiting.set(key, rest)
    else this.#waiting.delete(key)
    this.#serve()
  }

  /**
   * Enters with `bytes` as soon as there is room.
   * @param deadline monotonic ms until which it waits
   * @throws StoreError `timeout`, effect `none`
   */
  acquire (key: object, bytes: number, deadline: number): Flight | Promise<Flight> {
    if (this.hasRoom(bytes)) return this.enter(bytes)
    return new Promise((resolve, reject) => {
      const dropped = (): void => {
        cancelTimer?.()
        reject(new StoreError('timeout', 'none', 'the link to the store was busy'))
      }
      const waiter: Waiter = {
        bytes: () => bytes,
        start: () => {
          cancelTimer?.()
          resolve(this.enter(bytes))
        },
        dropped
      }
      const cancelTimer = deadline === Infinity
        ? undefined
        : this.#clock.timer(Math.max(0, deadline - this.#clock.monotonic()), () => {
          this.cancel(key, waiter)
          dropped()
        })
      this.wait(key, waiter)
    })
  }

  #serve (): void {
    for (const [key, waiters] of this.#waiting) {
      const waiter = waiters[0]!
      const bytes = waiter.bytes()
      if (!this.#fits(bytes)) return
      waiters.shift()
      this.#waiting.delete(key)
      if (waiters.length > 0) this.#waiting.set(key, waiters)
      waiter.start(bytes)
    }
  }

  /**
   * Adds to the backlog: what was accepted and has not been sent yet.
   * @param ownBytes the part of the backlog that is of the same topic
   * @param waitedMs for how long the oldest part of that has waited
   * @returns false, and adds nothing, when it would wait too long: the backlog is too large, its topic has its share of it,
   *   and it is no burst
   */
  addBacklog (bytes: number, ownBytes: number, waitedMs: number): boolean {
    const { backlogBytesMax, backlogWindowsMax, overloadedAfterMs } = this.#limits
    const backlog = this.#backlogBytes + bytes
    if (backlog > backlogWindowsMax * this.#bytes) {
      if (backlog > backlogBytesMax) return false
      if (waitedMs >= overloadedAfterMs && ownBytes >= backlogWindowsMax * this.share) return false
    }
    this.#backlogBytes = backlog
    return true
  }

  /** Adds what was sent, and has to be sent again. */
  putBack (bytes: number): void {
    this.#backlogBytes += bytes
  }

  removeBacklog (bytes: number): void {
    this.#backlogBytes -= bytes
  }

  /**
   * To be called by the flight only.
   * @param startedAt monotonic ms at which the call was sent
   * @param bytes what it carried
   */
  answered (flight: Flight, startedAt: number, bytes: number): void {
    const { transferTargetMs, windowBytesMax, latencyProbeBytes, putTimeoutMs } = this.#limits
    const ms = this.#clock.monotonic() - startedAt
    if (flight.inFlightBytes - flight.bytes + bytes <= latencyProbeBytes) this.#latencyMs += (Math.min(ms, putTimeoutMs / 2) - this.#latencyMs) * LATENCY_WEIGHT
    if (ms > this.#lateMs) this.#shrink(flight, AFTER_SLOW, latencyProbeBytes, startedAt)
    // A window that is not used proves nothing.
    else if (ms < this.#latencyMs + transferTargetMs && 2 * this.#inFlightBytes >= this.#bytes) {
      this.#bytes = Math.min(windowBytesMax, this.#bytes + bytes)
    }
  }

  /** To be called by the flight only. @param startedAt monotonic ms at which the call was sent */
  failed (flight: Flight, error: unknown, startedAt: number): void {
    if (!(error instanceof StoreError)) return
    // One that had little time left when it was sent tells nothing.
    const timedOut = error.failure === 'timeout' && this.#clock.monotonic() - startedAt > this.#lateMs
    if (timedOut) this.#shrink(flight, AFTER_TIMEOUT, this.#limits.windowBytesMin, startedAt)
    else if (error.failure === 'throttled') this.#shrink(flight, AFTER_SLOW, this.#limits.windowBytesMin, startedAt)
  }

  /** A call that takes longer, in ms, has too many others beside it. */
  get #lateMs (): number { return this.#latencyMs + 2 * this.#limits.transferTargetMs }

  /** Once for all calls that were in flight together, as TCP does once a round trip. One that was too large went alone. */
  #shrink ({ oversize }: Flight, factor: number, least: number, startedAt: number): void {
    if (oversize || startedAt < this.#shrunkAt) return
    this.#shrunkAt = this.#clock.monotonic()
    this.#bytes = Math.max(Math.min(this.#bytes, least), this.#bytes * factor)
  }
}

/** One segment on its way, with all attempts to send it. */
export class Flight {
  readonly bytes: number
  /** In flight when it entered, itself included. */
  readonly inFlightBytes: number
  /** It was larger than the window. */
  readonly oversize: boolean
  readonly #window: LinkWindow
  #left = false

  constructor (window: LinkWindow, bytes: number, inFlightBytes: number, oversize: boolean) {
    this.#window = window
    this.bytes = bytes
    this.inFlightBytes = inFlightBytes
    this.oversize = oversize
  }

  /** Whether it is more than its share of the window as that is now. */
  get tooLarge (): boolean { return this.bytes > this.#window.share }

  /**
   * @param startedAt monotonic ms at which the call was sent
   * @param bytes what it carried, where that was not known before
   */
  answered (startedAt: number, bytes: number = this.bytes): void {
    this.#window.answered(this, startedAt, bytes)
  }

  /** @param startedAt monotonic ms at which the call was sent */
  failed (error: unknown, startedAt: number): void {
    this.#window.failed(this, error, startedAt)
  }

  /** It needs the link no more. Again has no effect. */
  leave (): void {
    if (this.#left) return
    this.#left = true
    this.#window.release(this.bytes)
  }
}

export function overloaded (): LogError {
  return new LogError('overloaded', 'More messages wait for the storage than can be written in time.', { written: 'no' })
}
