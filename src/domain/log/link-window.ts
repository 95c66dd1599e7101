import type { Clock } from '../../ports/clock.ts'
import { StoreError } from '../../ports/errors.ts'
import type { Bytes, Ms } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { Limits } from '../limits.ts'

/** Factors by which the window shrinks: after a time-out, and after an answer that was late or throttled. */
const AFTER_TIMEOUT = 1 / 4
const AFTER_SLOW = 0.7
/** The weight of a new sample in the moving average of the latency. */
const LATENCY_WEIGHT = 1 / 4

/** Something that waits for room. */
export interface Waiter {
  /** How many bytes the waiter would send now. */
  bytes (): Bytes
  /** Called when there is room for `bytes`, the result of `bytes()`. The waiter enters the window at once or never. */
  start (bytes: Bytes): void
  /** Called if the waiter was dropped from the queue. */
  dropped? (): void
}

/**
 * The congestion window of the process's link to a store (log §3.6): how many bytes may be on their way at one time,
 * whatever the topic. It grows as long as calls are answered quickly, and shrinks when they are late or time out, so
 * that the bytes in flight arrive within one call's time-out. Calls that find no room wait; their keys take turns.
 */
export class LinkWindow {
  readonly #clock: Clock
  readonly #limits: Limits
  #bytes: Bytes
  #inFlight = 0
  #inFlightBytes = 0
  /** How long a call takes when the link is idle, in ms: the part of its duration that a smaller window can't change. */
  #latencyMs = 0
  /** Monotonic ms. A call that was sent before this says nothing about the present window. */
  #shrunkAt = -Infinity
  readonly #waiting = new Map<object, Waiter[]>()
  #backlogBytes = 0

  constructor (clock: Clock, limits: Limits) {
    this.#clock = clock
    this.#limits = limits
    this.#bytes = limits.windowBytesInitial
  }

  /** How many bytes may be in flight. */
  get bytes (): Bytes { return this.#bytes }

  /** The part of the window for each call in flight and each key that waits, in bytes. */
  get share (): Bytes {
    const users = Math.min(this.#limits.storeCallsMax, this.#inFlight + Math.max(1, this.#waiting.size))
    return Math.max(this.#limits.windowBytesMin, this.#bytes / users)
  }

  /** Whether a call of `bytes` may start now, and overtakes no other. A call larger than the window may if no other is in flight. */
  hasRoom (bytes: Bytes): boolean {
    return this.#waiting.size === 0 && this.#fits(bytes)
  }

  #fits (bytes: Bytes): boolean {
    return this.#inFlight === 0 || (this.#inFlight < this.#limits.storeCallsMax && this.#inFlightBytes + bytes <= this.#bytes)
  }

  enter (bytes: Bytes): Flight {
    const flight = new Flight(this, bytes, this.#inFlightBytes + bytes, bytes > this.#bytes)
    this.#inFlight++
    this.#inFlightBytes += bytes
    return flight
  }

  /** To be called by the flight only. */
  release (bytes: Bytes): void {
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
  acquire (key: object, bytes: Bytes, deadline: Ms): Flight | Promise<Flight> {
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
   * Adds an append to the backlog, the bytes that were accepted and have not been sent yet.
   * @param topic the same topic's part of the backlog, and for how long its oldest append has waited
   * @returns false, and adds nothing, if the append would wait too long: the backlog is too large, the topic has its share of
   *   it, and this is no burst
   */
  addBacklog (bytes: Bytes, topic: { readonly bytes: Bytes, readonly waitedMs: Ms }): boolean {
    const { backlogBytesMax, backlogWindowsMax, overloadedAfterMs } = this.#limits
    const backlog = this.#backlogBytes + bytes
    if (backlog > backlogWindowsMax * this.#bytes) {
      if (backlog > backlogBytesMax) return false
      if (topic.waitedMs >= overloadedAfterMs && topic.bytes >= backlogWindowsMax * this.share) return false
    }
    this.#backlogBytes = backlog
    return true
  }

  /** Adds bytes that were sent and have to be sent again. */
  putBack (bytes: Bytes): void {
    this.#backlogBytes += bytes
  }

  removeBacklog (bytes: Bytes): void {
    this.#backlogBytes -= bytes
  }

  /**
   * To be called by the flight only.
   * @param startedAt monotonic ms at which the call was sent
   * @param bytes that the call carried
   */
  answered (flight: Flight, startedAt: Ms, bytes: Bytes): void {
    const { transferTargetMs, windowBytesMax, latencyProbeBytes, putTimeoutMs } = this.#limits
    const ms = this.#clock.monotonic() - startedAt
    if (flight.inFlightBytes - flight.bytes + bytes <= latencyProbeBytes) {
      this.#latencyMs += (Math.min(ms, putTimeoutMs / 2) - this.#latencyMs) * LATENCY_WEIGHT
    }
    if (ms > this.#lateMs) this.#shrink(flight, { factor: AFTER_SLOW, leastBytes: latencyProbeBytes, startedAt })
    // If the window is not used, a quick answer does not prove that it can grow.
    else if (ms < this.#latencyMs + transferTargetMs && 2 * this.#inFlightBytes >= this.#bytes) {
      this.#bytes = Math.min(windowBytesMax, this.#bytes + bytes)
    }
  }

  /** To be called by the flight only. @param startedAt monotonic ms at which the call was sent */
  failed (flight: Flight, error: unknown, startedAt: Ms): void {
    if (!(error instanceof StoreError)) return
    // A call that had little time left when it was sent says nothing about the link.
    const timedOut = error.failure === 'timeout' && this.#clock.monotonic() - startedAt > this.#lateMs
    const leastBytes = this.#limits.windowBytesMin
    if (timedOut) this.#shrink(flight, { factor: AFTER_TIMEOUT, leastBytes, startedAt })
    else if (error.failure === 'throttled') this.#shrink(flight, { factor: AFTER_SLOW, leastBytes, startedAt })
  }

  /** Duration in ms above which a call is late: too many bytes were in flight with it. */
  get #lateMs (): Ms { return this.#latencyMs + 2 * this.#limits.transferTargetMs }

  /** Shrinks once for all calls that were in flight together, as TCP does once a round trip. A flight larger than the window was alone. */
  #shrink ({ oversize }: Flight, { factor, leastBytes, startedAt }: { factor: number, leastBytes: Bytes, startedAt: Ms }): void {
    if (oversize || startedAt < this.#shrunkAt) return
    this.#shrunkAt = this.#clock.monotonic()
    this.#bytes = Math.max(Math.min(this.#bytes, leastBytes), this.#bytes * factor)
  }
}

/** One segment in flight, with all attempts to send or fetch it. */
export class Flight {
  readonly bytes: Bytes
  /** Bytes in flight when this flight entered, its own included. */
  readonly inFlightBytes: Bytes
  /** Whether it was larger than the window when it entered. */
  readonly oversize: boolean
  readonly #window: LinkWindow
  #left = false

  constructor (window: LinkWindow, bytes: Bytes, inFlightBytes: Bytes, oversize: boolean) {
    this.#window = window
    this.bytes = bytes
    this.inFlightBytes = inFlightBytes
    this.oversize = oversize
  }

  /** Whether it is larger than its share of the present window. */
  get tooLarge (): boolean { return this.bytes > this.#window.share }

  /**
   * @param startedAt monotonic ms at which the call was sent
   * @param bytes that the call carried, if that was not known before
   */
  answered (startedAt: Ms, bytes: Bytes = this.bytes): void {
    this.#window.answered(this, startedAt, bytes)
  }

  /** @param startedAt monotonic ms at which the call was sent */
  failed (error: unknown, startedAt: Ms): void {
    this.#window.failed(this, error, startedAt)
  }

  /** Frees the room on the link. Further calls have no effect. */
  leave (): void {
    if (this.#left) return
    this.#left = true
    this.#window.release(this.bytes)
  }
}

export function overloaded (): LogError {
  return new LogError('overloaded', 'More messages wait for the storage than can be written in time.', { written: 'no' })
}
