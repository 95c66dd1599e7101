import type { GroupConfig } from '../../../src/domain/groups/config.ts'
import { lifeOf } from '../../../src/domain/groups/lease-id.ts'
import type { GroupState, Lease } from '../../../src/domain/groups/state.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import type { GroupItem } from '../../../src/ports/group-store.ts'
import type { Place } from './invariants.ts'
import { LetterHistory } from './letter-history.ts'

export interface CheckerOptions {
  readonly limits: Limits
  readonly leaseMs: number
  readonly nowMs: () => number
  /** Whether a process's monotonic clock has stood still: then leases may end early (groups §5). */
  readonly clocksStoodStill: () => boolean
}

/** A message, or a letter, as it was stored. */
export interface Stored { readonly payload: string, readonly key: string | undefined, readonly headers: Record<string, string> }

/** One lease, and all that was asked of it. */
export interface LeaseHistory {
  readonly seq: number
  readonly granted: ReadonlyMap<number, number>
  readonly grantedAt: number
  endedAt: number
  /** How many requests that may have been applied acknowledge an offset; that hand back any; that extend. */
  readonly acks: Map<number, number>
  nacks: number
  rejects: number
  extends: number
  /** What left the lease by an ack. */
  readonly acked: Set<number>
}

/** What is stored now. */
export interface Current {
  readonly item: GroupItem
  readonly state: GroupState
  readonly config: GroupConfig
  readonly places: Map<number, Place>
}

/** One life of the group. */
export interface LifeHistory {
  readonly gen: string
  readonly life: string
  readonly madeAt: number
  endedAt: number
  readonly leases: Map<string, LeaseHistory>
  readonly acked: Set<number>
  readonly redriven: Set<number>
  readonly letters: LetterHistory
  maxAttempts: number | null
  maxInFlight: number
  /** Offsets below `next` at which there was no message. */
  readonly passed: Set<number>
  /** When seeks, redrives or deletions have changed what is settled. */
  readonly upheavals: number[]
  current: Current | undefined
}

export function newLife (gen: string, madeAt: number): LifeHistory {
  return {
    gen,
    life: lifeOf(gen),
    madeAt,
    endedAt: Infinity,
    leases: new Map(),
    acked: new Set(),
    redriven: new Set(),
    letters: new LetterHistory(),
    maxAttempts: 1,
    maxInFlight: 0,
    upheavals: [],
    passed: new Set(),
    current: undefined
  }
}

export function nameOf ({ seq, tag }: Pick<Lease, 'seq' | 'tag'>): string {
  return `${seq}/${tag}`
}
