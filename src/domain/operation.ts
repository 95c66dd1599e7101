import type { Ms } from '../ports/units.ts'

/** How many calls to stores an operation has made. Each attempt counts. */
export interface StorageCalls { reserve: number, state: number, put: number, get: number, list: number }

/**
 * One operation of a caller of the log: how long it may take, and what it has cost so far. Appends have neither a time-out
 * nor a signal of their own: their messages may share a segment with those of others.
 */
export interface Operation {
  /**
   * Calls so far, without the polls of followed topics. Calls that several operations share, such as those of a group
   * commit, count for each of them.
   */
  readonly calls: StorageCalls
  /** Counted from the time at which the log gets the operation; the log's own limits may end it earlier. Unlimited by default. */
  readonly timeoutMs?: Ms
  /** When it is aborted, no further call is made for a read, and a follower is closed. */
  readonly signal?: AbortSignal
}

export function createOperation (bounds: Omit<Operation, 'calls'> = {}): Operation {
  return { ...bounds, calls: noCalls() }
}

export function noCalls (): StorageCalls {
  return { reserve: 0, state: 0, put: 0, get: 0, list: 0 }
}

export function addCalls (to: StorageCalls, more: StorageCalls): void {
  to.reserve += more.reserve
  to.state += more.state
  to.put += more.put
  to.get += more.get
  to.list += more.list
}
