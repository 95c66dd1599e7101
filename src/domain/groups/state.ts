import type { Ms, Offset } from '../../ports/units.ts'
import type { Limits } from '../limits.ts'
import type { GroupConfig } from './config.ts'

/** `count` consecutive offsets from `first` on, each of which was read as a message (groups §2.1). */
export interface Run {
  readonly first: Offset
  readonly count: number
  /** How many deliveries of these messages have counted so far. */
  readonly attempt: number
  /** Whether one of these deliveries ended by expiry. */
  readonly expired: boolean
  /** The bucket of the messages' key; absent if they have none, or in mode `shared` (groups §4). */
  readonly bucket?: number | undefined
}

/** Messages to be handed out again, from the store's time `notBefore` on; 0: at once. */
export interface RetryRun extends Run { readonly notBefore: Ms }

/** Messages handed to one worker. The lease is live as long as it is in the state, whatever a clock says. */
export interface Lease {
  readonly seq: number
  /** 16 hexadecimal digits, derived from the key of the request. */
  readonly tag: string
  /** The store's time from which on the lease may be ended. */
  readonly expires: Ms
  readonly consumer?: string | undefined
  /** Ascending. */
  readonly runs: readonly Run[]
}

/** Every message of the bucket in `[from, next)` was passed over, and is still to be handed out. */
export interface Lane {
  readonly bucket: number
  readonly from: Offset
}

export type DeadReason = 'max_attempts' | 'rejected'

/** Messages of one lease that died in one write, on their way to the dead-letter topic (groups §6). */
export interface DeadBatch {
  readonly runs: readonly Run[]
  readonly reason: DeadReason
  readonly detail?: string | undefined
}

/**
 * What a group knows of its topic: everything below `next` that no list names is settled. Each list is ascending by offset, but
 * `leases` by `seq` and `dead` by age.
 */
export interface GroupState {
  /** The first offset that was never handed out. */
  readonly next: Offset
  /** Everything below is settled. Never falls, but by a seek. */
  readonly committed: Offset
  /** The number of the newest lease. Never falls. */
  readonly seq: number
  /** The number of the newest lease at the last seek. */
  readonly soughtSeq: number
  readonly leases: readonly Lease[]
  readonly retry: readonly RetryRun[]
  readonly lanes: readonly Lane[]
  readonly dead: readonly DeadBatch[]
  /** The number of the newest batch of dead letters. The batches in `dead` have the numbers up to it. */
  readonly deadSeq: number
  /** The store's time until which a process tries to move the first batch. */
  readonly movedUntil: Ms
  /** Where redrive goes on in the dead-letter topic. */
  readonly redriven: Offset
}

export function newGroup (at: Offset): GroupState {
  return {
    next: at, committed: at, seq: 0, soughtSeq: 0, leases: [], retry: [], lanes: [], dead: [], deadSeq: 0, movedUntil: 0, redriven: 1
  }
}

export function countOf (runs: readonly Run[]): number {
  return runs.reduce((sum, { count }) => sum + count, 0)
}

/** Messages on their way to the dead-letter topic. */
export function countDead ({ dead }: Pick<GroupState, 'dead'>): number {
  return dead.reduce((sum, { runs }) => sum + countOf(runs), 0)
}

/** Called several times for each command, so it is a plain loop. */
export function pendingRuns ({ leases, retry, dead }: Pick<GroupState, 'leases' | 'retry' | 'dead'>): Run[] {
  const pending: Run[] = []
  for (const { runs } of leases) for (const run of runs) pending.push(run)
  for (const run of retry) pending.push(run)
  for (const { runs } of dead) for (const run of runs) pending.push(run)
  return pending
}

/** How many more messages may be pending beside these (groups §2.3). */
export function roomBeside (pending: readonly Run[], { maxInFlight }: GroupConfig, { groupInFlightMax }: Limits): number {
  return Math.max(0, Math.min(maxInFlight, groupInFlightMax) - countOf(pending))
}

/** The state with `committed` moved up to the lowest pending offset that is not below it. */
export function withCommitted (state: GroupState): GroupState {
  let committed = state.next
  const pending = (first: Offset, last: Offset): void => {
    if (last >= state.committed) committed = Math.min(committed, Math.max(first, state.committed))
  }
  for (const { first, count } of pendingRuns(state)) pending(first, first + count - 1)
  for (const { from } of state.lanes) pending(from, Infinity)
  return committed === state.committed ? state : { ...state, committed }
}

/** The offsets that are not settled. */
export class Unsettled {
  /** Ascending and apart from each other: from `first` up to below `end`. */
  readonly #ranges: Array<{ first: Offset, end: Offset }> = []

  /** @param seq of the lease that is asked for: nothing that was handed out since the last seek is in a lane */
  constructor (state: GroupState, seq: number) {
    const ranges = pendingRuns(state).map(({ first, count }) => ({ first, end: first + count }))
    ranges.push({ first: state.next, end: Infinity })
    if (seq <= state.soughtSeq) for (const { from } of state.lanes) ranges.push({ first: from, end: Infinity })
    for (const range of ranges.sort((a, b) => a.first - b.first)) {
      const last = this.#ranges.at(-1)
      if (last !== undefined && range.first <= last.end) last.end = Math.max(last.end, range.end)
      else this.#ranges.push(range)
    }
  }

  /** Those of the given offsets. */
  of (offsets: Iterable<Offset>): Offset[] {
    return [...offsets].filter((offset) => this.#has(offset))
  }

  /** The first ones from `first` to `last`. */
  between (first: Offset, last: Offset, limit: number): Offset[] {
    const found: Offset[] = []
    for (const range of this.#ranges) {
      for (let at = Math.max(range.first, first); at <= last && at < range.end; at++) {
        if (found.length === limit) return found
        found.push(at)
      }
    }
    return found
  }

  #has (offset: Offset): boolean {
    let [low, high] = [0, this.#ranges.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ranges[middle]!.first <= offset) low = middle + 1
      else high = middle
    }
    return low > 0 && offset < this.#ranges[low - 1]!.end
  }
}
