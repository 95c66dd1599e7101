import type { StoreInstant } from '../../ports/group-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { GroupConfig } from './config.ts'
import type { LeaseId } from './lease-id.ts'
import { joinRuns, offsetsOf, partRuns } from './runs.ts'
import {
  countOf, Unsettled, withCommitted, type DeadBatch, type DeadReason, type GroupState, type Lease, type RetryRun, type Run
} from './state.ts'

/** The most offsets that `lease_lost` names. */
const LOST_OFFSETS_MAX = 1_000

/** What a command does to a state, and its answer. */
export interface Applied<Answer> {
  /** The same object if nothing has changed. */
  readonly state: GroupState
  readonly answer: Answer
}

/** Which messages of which lease a command is for. */
export interface LeasePart {
  readonly id: LeaseId
  /** All by default. */
  readonly offsets?: readonly Offset[] | undefined
}

export interface NackOptions {
  readonly delayMs: Ms
  /** Whether the delivery counts as an attempt. */
  readonly counted: boolean
  /** To the dead letters at once. */
  readonly reject: boolean
  readonly detail?: string | undefined
}

export interface Acked { readonly acked: number, readonly already: boolean }

/** `returned`: later messages of the same keys, which the worker must not handle any more. */
export interface Nacked { readonly nacked: number, readonly returned: readonly Offset[], readonly dead: number }

/** The lease, if it is live. */
export function liveLease ({ leases }: GroupState, { seq, tag }: LeaseId): Lease | undefined {
  return leases.find((lease) => lease.seq === seq && lease.tag === tag)
}

/** Settles messages (groups §3.2). @throws LogError `lease_lost` */
export function ack (state: GroupState, life: string, part: LeasePart): Applied<Acked> {
  const lease = part.id.life === life ? liveLease(state, part.id) : undefined
  if (lease === undefined && (part.id.life !== life || unsettledOf(state, part).length > 0)) throw leaseLost(state, life, part)
  if (lease === undefined) return { state, answer: { acked: 0, already: true } }
  const { taken, rest } = partLease(lease, part.offsets)
  if (taken.length === 0) return { state, answer: { acked: 0, already: unsettledOf(state, part).length === 0 } }
  return { state: withCommitted(withLease(state, lease, rest)), answer: { acked: countOf(taken), already: false } }
}

/** Hands messages back, or gives them up (groups §3.2). @throws LogError `lease_lost` */
export function nack (
  state: GroupState, config: GroupConfig, life: string, part: LeasePart, options: NackOptions, now: StoreInstant, limits: Limits
): Applied<Nacked> {
  const lease = requireLive(state, life, part)
  const { taken, rest: left } = partLease(lease, part.offsets)
  const { taken: behind, rest } = partRuns(left, isBehind(taken))
  const { taken: dying, rest: again } = partRuns(taken, (_, run) => options.reject || (options.counted && isLast(run, config)))
  const notBefore = options.delayMs === 0 ? 0 : now.high + options.delayMs
  const uncounted = <R extends Run>(run: R): R => ({ ...run, attempt: run.attempt - 1 })
  const retry: RetryRun[] = [
    ...again.map((run) => ({ ...options.counted ? run : uncounted(run), notBefore })),
    ...behind.map((run) => ({ ...uncounted(run), notBefore: 0 }))
  ]
  const ended = withRetry(withLease(state, lease, rest), retry)
  // A group keeps only so many; the others are left out.
  const details = state.dead.filter((batch) => batch.detail !== undefined).length
  const detail = details < limits.deadLetterDetailsMax ? options.detail : undefined
  const dead = withDead(ended, dying, options.reject ? 'rejected' : 'max_attempts', detail)
  return { state: dead, answer: { nacked: countOf(taken), returned: [...offsetsOf(behind)], dead: countOf(dying) } }
}

/** Moves the end of a lease. @throws LogError `lease_lost` */
export function extend (state: GroupState, life: string, id: LeaseId, leaseMs: Ms, now: StoreInstant): Applied<Lease> {
  const lease = requireLive(state, life, { id })
  const extended = { ...lease, expires: now.high + leaseMs }
  return { state: { ...state, leases: state.leases.map((each) => each === lease ? extended : each) }, answer: extended }
}

/** Ends the leases whose time is over (groups §3.1, 3). */
export function endExpired (state: GroupState, config: GroupConfig, now: StoreInstant): GroupState {
  let ended = state
  for (const lease of state.leases) {
    if (lease.expires > now.low) continue
    const { taken: dying, rest: again } = partRuns(lease.runs, (_, run) => isLast(run, config))
    const retry = again.map((run) => ({ ...run, expired: true, notBefore: 0 }))
    ended = withDead(withRetry(withLease(ended, lease, []), retry), dying, 'max_attempts')
  }
  return ended
}

function isLast ({ attempt }: Run, { maxAttempts }: GroupConfig): boolean {
  return maxAttempts !== null && attempt >= maxAttempts
}

/** Of the same bucket as one of the runs, and above it. */
function isBehind (runs: readonly Run[]): (offset: Offset, run: Run) => boolean {
  const lowest = new Map<number, Offset>()
  for (const { bucket, first } of runs) if (bucket !== undefined && !lowest.has(bucket)) lowest.set(bucket, first)
  return (offset, { bucket }) => bucket !== undefined && offset > (lowest.get(bucket) ?? Infinity)
}

function partLease ({ runs }: Lease, offsets: readonly Offset[] | undefined) {
  if (offsets === undefined) return { taken: [...runs], rest: [] }
  const wanted = new Set(offsets)
  return partRuns(runs, (offset) => wanted.has(offset))
}

function withLease (state: GroupState, lease: Lease, runs: readonly Run[]): GroupState {
  const leases = runs.length === 0
    ? state.leases.filter(({ seq }) => seq !== lease.seq)
    : state.leases.map((each) => each.seq === lease.seq ? { ...each, runs: joinRuns(runs) } : each)
  return { ...state, leases }
}

function withRetry (state: GroupState, more: readonly RetryRun[]): GroupState {
  return more.length === 0 ? state : { ...state, retry: joinRuns([...state.retry, ...more]) }
}

function withDead (state: GroupState, runs: readonly Run[], reason: DeadReason, detail?: string): GroupState {
  if (runs.length === 0) return state
  const batch: DeadBatch = { runs, reason, detail }
  return { ...state, dead: [...state.dead, batch], deadSeq: state.deadSeq + 1 }
}

/** @throws LogError `lease_lost` */
function requireLive (state: GroupState, life: string, part: LeasePart): Lease {
  const lease = part.id.life === life ? liveLease(state, part.id) : undefined
  if (lease === undefined) throw leaseLost(state, life, part)
  return lease
}

/** Of the messages that a command is for, those that are not settled. */
function unsettledOf (state: GroupState, { id, offsets }: LeasePart): Offset[] {
  const unsettled = new Unsettled(state, id.seq)
  return offsets === undefined ? unsettled.between(id.first, id.last, LOST_OFFSETS_MAX) : unsettled.of(offsets)
}

function leaseLost (state: GroupState, life: string, part: LeasePart): LogError {
  // Of another life of the group, nothing is known.
  const offsets = part.id.life === life ? unsettledOf(state, part) : []
  return new LogError('lease_lost', 'The lease has ended: what of it was not acknowledged is delivered again, or was already.', { offsets })
}
