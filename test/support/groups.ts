import { defaultConfig } from '../../src/domain/groups/manage.ts'
import type { GroupConfig } from '../../src/domain/groups/config.ts'
import { decodeLeaseId, encodeLeaseId, type LeaseId } from '../../src/domain/groups/lease-id.ts'
import type { LoadedLog } from '../../src/domain/groups/loaded-log.ts'
import { receive, type Received, type ReceiveRequest } from '../../src/domain/groups/receive.ts'
import { newGroup, type GroupState, type Lease, type Run } from '../../src/domain/groups/state.ts'
import { defaultLimits, type Limits } from '../../src/domain/limits.ts'

/** The life that leases of these tests are of, and the store's time in them. */
export const life = '0a0b0c0d'
export const nowMs = 1_000_000
export const now = { low: nowMs, high: nowMs + 999 }

export const config: GroupConfig = {
  ...defaultConfig('t', { limits: defaultLimits, randomHex: () => 'ab' }), leaseMs: 30_000
}

/** What is at an offset: the bucket of a message, `plain` for one without a key, or what is in place of one. */
export type There = number | 'plain' | 'sealed' | 'hole' | 'broken' | 'not read'

export interface Topic { readonly there: readonly There[], readonly earliest?: number, readonly lineBytes?: number }

/** A topic from offset 1 on. Its lines are as long as their offsets say, or `lineBytes` long. */
export function logOf ({ there, earliest = 1 }: Topic): LoadedLog {
  const at = (offset: number): ReturnType<LoadedLog['at']> => {
    if (offset < earliest) return { kind: 'none', until: earliest }
    const what = there[offset - 1]
    if (what === undefined) return { kind: 'open', end: true }
    if (what === 'not read') return undefined
    if (what === 'sealed') return { kind: 'none', until: offset + 1 }
    if (what === 'hole') return { kind: 'open', end: false }
    return what === 'broken' ? { kind: 'failed', error: new Error('broken') } : { kind: 'message', line: new Uint8Array(offset) }
  }
  return { at, earliest, end: there.length + 1, bytes: 0 } as unknown as LoadedLog
}

export interface Tried extends Partial<ReceiveRequest> {
  readonly config?: Partial<GroupConfig>
  readonly limits?: Partial<Limits>
  readonly at?: { readonly low: number, readonly high: number }
}

/** A receive from this topic, of ten messages if nothing else is said. */
export function receiveFrom (state: GroupState, topic: Topic | readonly There[], options: Tried = {}): Received {
  const whole: Topic = 'there' in topic ? topic : { there: topic }
  const { tag = 'f'.repeat(16), limit = 10, maxBytes = 1_000_000, leaseMs = 30_000, at = now } = options
  return receive(state, { tag, limit, maxBytes, leaseMs }, logOf(whole), at, {
    config: { ...config, ...options.config },
    limits: { ...defaultLimits, ...options.limits },
    bucketOf: (line) => {
      const what = whole.there[line.length - 1]
      return typeof what === 'number' ? what : undefined
    }
  })
}

/** @throws Error if it is not one that got a lease */
export function leasedFrom (...parameters: Parameters<typeof receiveFrom>): { state: GroupState, lease: Lease, offsets: number[] } {
  const received = receiveFrom(...parameters)
  if (received.kind !== 'leased') throw new Error(`expected a lease, got ${JSON.stringify(received)}`)
  return { ...received, offsets: offsetsOf(received.lease) }
}

export function offsetsOf ({ runs }: { readonly runs: readonly Run[] }): number[] {
  return runs.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i))
}

export function idOf (lease: Lease): LeaseId {
  return decodeLeaseId(encodeLeaseId(life, lease))!
}

export function run (first: number, count = 1, more: Partial<Run> = {}): Run {
  return { first, count, attempt: 1, expired: false, bucket: undefined, ...more }
}

export function lease (seq: number, runs: readonly Run[], more: Partial<Lease> = {}): Lease {
  return { seq, tag: String(seq).padStart(16, '0'), expires: nowMs + 30_000, consumer: undefined, runs, ...more }
}

/** A group that has handed out everything below `next`. */
export function group (next: number, parts: Partial<GroupState> = {}): GroupState {
  return { ...newGroup(1), next, seq: 9, ...parts }
}
