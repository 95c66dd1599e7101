import type { Ms, Offset } from '../../ports/units.ts'
import type { GroupConfig } from './config.ts'
import type { Group } from './group-context.ts'
import { countDead, countOf } from './state.ts'

/** A live lease, without its id, which is its holder's secret. */
export interface LeaseDescription {
  readonly consumer: string | undefined
  /** By the store's clock, ms. */
  readonly expiresAt: Ms
  readonly first: Offset
  readonly last: Offset
  readonly messages: number
}

export interface GroupDescription {
  readonly config: GroupConfig
  readonly committedOffset: Offset
  readonly nextOffset: Offset
  /** The topic's. */
  readonly end: Offset
  /** At least the messages that are not settled. */
  readonly lag: number
  /** Messages in live leases. */
  readonly inFlight: number
  /** Messages to be delivered again, and those of them that are not due yet. */
  readonly retrying: number
  readonly delayed: number
  /** Keys with a message in a live lease. */
  readonly lockedKeys: number
  readonly deadLettersWaiting: number
  /** Size of what is stored. */
  readonly stateBytes: number
  readonly leases: readonly LeaseDescription[]
}

/** @param nowMs the store's time */
export function describeGroup ({ config, state }: Group, { end, stateBytes, nowMs }: {
  readonly end: Offset, readonly stateBytes: number, readonly nowMs: Ms
}): GroupDescription {
  const { leases, retry, next, committed } = state
  const leased = leases.flatMap(({ runs }) => runs)
  return {
    config,
    committedOffset: committed,
    nextOffset: next,
    end,
    lag: Math.max(0, end - committed),
    inFlight: countOf(leased),
    retrying: countOf(retry),
    delayed: countOf(retry.filter(({ notBefore }) => notBefore > nowMs)),
    lockedKeys: config.mode === 'keyed' ? new Set(leased.flatMap(({ bucket }) => bucket ?? [])).size : 0,
    deadLettersWaiting: countDead(state),
    stateBytes,
    leases: leases.map(({ consumer, expires, runs }) => {
      const last = runs.at(-1)!
      return { consumer, expiresAt: expires, first: runs[0]!.first, last: last.first + last.count - 1, messages: countOf(runs) }
    })
  }
}
