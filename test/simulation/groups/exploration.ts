import type { GroupConfig } from '../../../src/domain/groups/config.ts'
import type { LoadedLog } from '../../../src/domain/groups/loaded-log.ts'
import type { GroupState } from '../../../src/domain/groups/state.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import { Violation } from '../engine/scheduler.ts'
import { checkState, type Known, type Place } from './invariants.ts'
import { GroupActions } from './group-actions.ts'
import type { GroupsSubject, Machine } from './machine.ts'

export interface NackKind { readonly delayed: boolean, readonly counted: boolean, readonly reject?: boolean }

/** What a small case consists of. Its numbers are budgets: how often something may happen in one history. */
export interface GroupCase {
  /** The topic, from offset 1 on: the bucket of each message, or what is in place of one. `late`: readable only later. */
  readonly topic: ReadonlyArray<number | 'no key' | 'sealed' | 'late'>
  readonly mode: GroupConfig['mode']
  readonly maxAttempts: number | null
  readonly workers: number
  /** The most messages in one lease. */
  readonly limit: number
  /** In how many leases all workers may hold messages, one after the other. */
  readonly receives: number
  /** Leases and delays whose time is over. */
  readonly timeouts?: number
  /** Answers that are lost. */
  readonly lost?: number
  /** Copies of requests that arrive late. */
  readonly copies?: number
  /** Messages that can't be loaded for a while. */
  readonly failures?: number
  readonly nacks?: number
  readonly nackKinds?: readonly NackKind[]
  /** Whether acks and nacks may be of the first message of a lease only. */
  readonly parts?: boolean
  readonly seeks?: readonly number[]
  readonly trims?: readonly number[]
  readonly remakes?: number
  readonly redrives?: number
  readonly letterDeletions?: number
  /** Processes that move dead letters, each step apart. Without them they stay in the group. */
  readonly movers?: number
  readonly limits?: Partial<Limits>
  readonly maxInFlight?: number
}

/** What a worker knows of its lease. */
export interface Held { readonly id: string, readonly offsets: readonly number[] }

export interface Worker {
  /** The tag of the receive that it has had no answer to. */
  readonly asks?: string | undefined
  readonly held?: Held | undefined
}

/** A copy of a request that is still on its way. */
export type OnWire =
  | { readonly kind: 'receive', readonly tag: string }
  | { readonly kind: 'ack', readonly held: Held }

export interface Mover { readonly seq: number, readonly offsets: readonly number[], readonly life: number, readonly appended: boolean }

export interface Budgets {
  receives: number,
  timeouts: number,
  lost: number,
  copies: number,
  failures: number,
  nacks: number,
  remakes: number,
  redrives: number,
  letterDeletions: number,
  seeks: readonly number[],
  trims: readonly number[]
}

/** What was true at some time, and the state does not say. */
export interface Ghost {
  /** Acknowledged while the lease was live. */
  readonly acked: readonly number[]
  readonly redriven: readonly number[]
  /** How many deliveries of each offset have counted, and how often it died. */
  readonly counted: Readonly<Record<number, number>>
  readonly died: Readonly<Record<number, number>>
  /** As `died`, when the dead-letter topic was deleted. */
  readonly diedBefore: Readonly<Record<number, number>>
}

/** All there is: the group, the topic, the dead-letter topic, and what everybody knows. Immutable. */
export interface Whole {
  readonly life: number
  readonly group: GroupState
  readonly earliest: number
  readonly lateReadable: boolean
  /** The message that can't be loaded now; 0: none. */
  readonly failing: number
  readonly letters: ReadonlyArray<{ readonly offset: number, readonly life: number, readonly gone?: true }>
  /** The newest batch of this life that the log knows of. */
  readonly letterSeq: number
  readonly workers: readonly Worker[]
  readonly wire: readonly OnWire[]
  readonly movers: ReadonlyArray<Mover | null>
  readonly left: Budgets
  readonly ghost: Ghost
}

export interface Step { readonly what: string, readonly next: Whole }

export const now = { low: 1_000, high: 1_000 }
export const leaseMs = 1_000
export const nothingHappened: Ghost = { acked: [], redriven: [], counted: {}, died: {}, diedBefore: {} }

/** The parts of a case that do not change. */
export class Small {
  readonly machine: Machine
  readonly small: GroupCase
  readonly limits: Limits
  readonly config: GroupConfig
  readonly end: number

  constructor (subject: GroupsSubject, small: GroupCase) {
    this.machine = subject
    this.small = small
    this.limits = { ...subject.defaultLimits, ...small.limits }
    this.end = small.topic.length + 1
    const { mode, maxAttempts, maxInFlight = 100 } = small
    this.config = { mode, leaseMs, maxAttempts, maxInFlight, deadLetterTopic: 't.dlq', deadLetterProducer: 'p' }
  }

  start (): Whole {
    const { workers, receives, timeouts = 0, lost = 0, copies = 0, failures = 0 } = this.small
    const { nacks = 0, remakes = 0, redrives = 0, letterDeletions = 0, seeks = [], trims = [] } = this.small
    return {
      life: 1,
      group: this.machine.newGroup(1),
      earliest: 1,
      lateReadable: false,
      failing: 0,
      letters: [],
      letterSeq: 0,
      workers: Array.from({ length: workers }, () => ({})),
      wire: [],
      movers: Array.from({ length: this.small.movers ?? 0 }, () => null),
      left: { receives, timeouts, lost, copies, failures, nacks, remakes, redrives, letterDeletions, seeks, trims },
      ghost: nothingHappened
    }
  }

  isMessage (offset: number): boolean {
    const there = this.small.topic[offset - 1]
    return there !== undefined && there !== 'sealed'
  }

  bucketAt = (offset: number): { bucket: number | undefined } | undefined => {
    const there = this.small.topic[offset - 1]
    if (there === undefined || there === 'sealed') return undefined
    if (this.small.mode !== 'keyed') return { bucket: this.small.mode === 'exclusive' ? 0 : undefined }
    return { bucket: there === 'no key' ? undefined : there === 'late' ? 1 : there }
  }

  bucketOf = (line: Uint8Array): number | undefined => this.bucketAt(line.length)?.bucket

  /** The topic as a receive sees it. The line of a message is as long as its offset says. */
  log ({ earliest, lateReadable, failing }: Pick<Whole, 'earliest' | 'lateReadable' | 'failing'>): LoadedLog {
    const at = (offset: number): ReturnType<LoadedLog['at']> => {
      const there = this.small.topic[offset - 1]
      if (offset < earliest) return { kind: 'none', until: earliest }
      if (offset === failing) return { kind: 'failed', error: new Error('not loaded') }
      if (there === undefined) return { kind: 'open', end: true }
      if (there === 'sealed') return { kind: 'none', until: offset + 1 }
      return there === 'late' && !lateReadable ? { kind: 'open', end: false } : { kind: 'message', line: new Uint8Array(offset) }
    }
    return { at, earliest, end: this.end, bytes: 0 } as unknown as LoadedLog
  }

  check ({ group, ghost }: Whole): Map<number, Place> {
    const { config, limits, bucketAt } = this
    const known: Known = { config, limits, bucketAt, redriven: new Set(ghost.redriven) }
    return checkState(group, known)
  }
}

/**
 * All histories of a small case: depth-first over everything that can happen, from each state that was not seen before. What
 * must always hold (groups §12) is checked at each step, and from each state new workers come to the end.
 * @returns how many different states there are
 * @throws Violation, with the history that leads to it
 */
export function exploreGroup (subject: GroupsSubject, small: GroupCase, statesMax = 1_000_000): number {
  const one = new Small(subject, small)
  const actions = new GroupActions(one)
  const seen = new Map<string, { before: string, what: string } | undefined>()
  const drained = new Set<string>()
  const stack: Array<{ whole: Whole, key: string }> = []
  const enter = (whole: Whole, before: string, what: string): void => {
    const key = JSON.stringify(whole)
    if (seen.has(key)) return
    seen.set(key, { before, what })
    if (seen.size > statesMax) throw new Error(`more than ${statesMax} states`)
    stack.push({ whole, key })
  }
  const story = (key: string): string[] => {
    const steps: string[] = []
    for (let at = seen.get(key); at !== undefined; at = seen.get(at.before)) steps.unshift(at.what)
    return steps
  }
  enter(one.start(), '', 'a new group')
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { whole, key } = top
    try {
      const rest = JSON.stringify([whole.group, whole.earliest, whole.lateReadable, whole.letterSeq, whole.ghost.diedBefore])
      if (!drained.has(rest)) {
        drained.add(rest)
        actions.drain(whole)
      }
      for (const { what, next } of actions.steps(whole)) enter(next, key, what)
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      throw new Violation(`${error.message}\n${story(key).join('\n')}`)
    }
  }
  return seen.size
}
