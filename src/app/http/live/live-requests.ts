import type { Follower, Log } from '../../../domain/log/log.ts'
import type { Operation } from '../../../domain/operation.ts'

/**
 * The followers of all requests that wait for messages or stream them. They are closed when the server stops, so that these
 * requests get the end of their response at once and do not delay the stop.
 */
export class LiveRequests {
  readonly #log: Log
  readonly #followers = new Set<Follower>()
  #closed = false

  constructor (log: Log) {
    this.#log = log
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
