import { LogError } from '../../../domain/errors.ts'
import type { Follower, Log } from '../../../domain/log/log.ts'
import type { Operation } from '../../../domain/operation.ts'
import type { LiveKind, Telemetry } from '../../../ports/telemetry.ts'

/**
 * The requests of a process that wait for messages or stream them. Their number is bounded: each has a place, which it must give
 * back. Their followers are closed when the server stops, so that these requests get the end of their response at once and do
 * not delay the stop.
 */
export class LiveRequests {
  readonly #log: Log
  readonly #max: number
  readonly #telemetry: Telemetry
  readonly #followers = new Set<Follower>()
  #places = 0
  #closed = false

  /** @param max places */
  constructor (log: Log, max: number, telemetry: Telemetry) {
    this.#log = log
    this.#max = max
    this.#telemetry = telemetry
  }

  /** Number of requests that have a place. */
  get size (): number { return this.#places }

  /** Takes a place, if one is free. @returns whether one was; then the caller must give it back, once */
  tryTake (kind: LiveKind): boolean {
    if (this.#places >= this.#max) {
      this.#telemetry.refused('followers')
      return false
    }
    this.#places++
    this.#telemetry.liveRequestBegan(kind)
    return true
  }

  /** Takes a place, which the caller must give back, once. @throws LogError `too_many_followers` */
  take (kind: LiveKind): void {
    if (!this.tryTake(kind)) throw this.tooMany()
  }

  giveBack (kind: LiveKind): void {
    this.#places--
    this.#telemetry.liveRequestEnded(kind)
  }

  tooMany (): LogError {
    return new LogError('too_many_followers', `The server already has ${this.#max} requests that wait for messages (MAX_FOLLOWERS).`)
  }

  /** The caller must release the follower. */
  follow (topic: string, from: number, operation: Operation): Follower {
    const follower = this.#log.follow(topic, from, operation)
    this.#followers.add(follower)
    if (this.#closed) follower.close()
    return follower
  }

  release (follower: Follower): void {
    this.#followers.delete(follower)
    follower.close()
  }

  /** Closes all followers, and those of later requests as soon as they are created. */
  close (): void {
    this.#closed = true
    for (const follower of this.#followers) follower.close()
  }
}
