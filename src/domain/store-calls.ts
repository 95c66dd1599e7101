import type { Clock } from '../ports/clock.ts'
import { isPassing } from '../ports/errors.ts'
import type { Ms } from '../ports/units.ts'
import type { Limits } from './limits.ts'
import { sleep, within } from './wait.ts'

/** How many calls to the stores were made, repeated ones included. */
export interface CallCounts {
  /** Reads of topics' items. */
  read: number
  /** Changes of items. */
  write: number
  /** Lists of segments, topics and records. */
  list: number
  /** Deletions of up to `listMax` segments each. */
  remove: number
}

export function noCallCounts (): CallCounts {
  return { read: 0, write: 0, list: 0, remove: 0 }
}

export function addCallCounts (to: CallCounts, more: Partial<CallCounts>): void {
  for (const kind of Object.keys(to) as Array<keyof CallCounts>) to[kind] += more[kind] ?? 0
}

export interface CallDeps {
  readonly clock: Clock
  readonly limits: Limits
  /** A number in [0, 1). */
  readonly random: () => number
}

/** One operation's calls to the stores: counted, each with a timeout, and repeated while its failure may pass (log §2.6). */
export class StoreCalls {
  readonly counts = noCallCounts()
  readonly #deps: CallDeps
  readonly #deadline: number
  readonly #signal: AbortSignal | undefined

  /**
   * @param deadline monotonic ms, after which the operation should begin nothing more. A call that was begun may still end
   * @param signal when it is aborted, the same
   */
  constructor (deps: CallDeps, deadline = Infinity, signal?: AbortSignal) {
    this.#deps = deps
    this.#deadline = deadline
    this.#signal = signal
  }

  /** Whether the operation should begin nothing more. */
  get late (): boolean { return this.#signal?.aborted === true || this.#deps.clock.monotonic() >= this.#deadline }

  /**
   * @param store what is called, for messages
   * @throws StoreError
   */
  make<T> (kind: keyof CallCounts, store: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return repeated(this.#deps, this.#deps.limits.getTimeoutMs, store, (signal) => {
      this.counts[kind]++
      return call(signal)
    })
  }
}

/**
 * Calls until an attempt succeeds, fails for good, or is the last of `callAttemptsMax`; all of it within `ms` (log §2.6).
 * @param store what is called, for messages
 * @throws StoreError, or what `call` throws
 */
export function repeated<T> (deps: CallDeps, ms: Ms, store: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, limits } = deps
  return within(clock, ms, store, async (signal) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await call(signal)
      } catch (error) {
        if (attempt >= limits.callAttemptsMax || !isPassing(error)) throw error
        await sleep(clock, retryDelay(deps, attempt))
        // The time-out has passed: nobody waits for an answer any more.
        if (signal.aborted) throw error
      }
    }
  })
}

/** How long to wait before the next attempt at a call, ms. @param attempt the one that failed, from 1 */
export function retryDelay ({ limits, random }: Pick<CallDeps, 'limits' | 'random'>, attempt: number): Ms {
  return Math.min(limits.retryDelayMs * 2 ** (attempt - 1), limits.retryDelayMaxMs) * (0.5 + random() / 2)
}

/** Runs `work` for each item, in order, at most `concurrency` at a time. The first failure ends it. */
export async function forEachBounded<T> (
  items: readonly T[], concurrency: number, work: (item: T, index: number) => Promise<void>
): Promise<void> {
  let next = 0
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, async () => {
    while (next < items.length) {
      const index = next++
      await work(items[index]!, index)
    }
  }))
}
