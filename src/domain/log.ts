import type { Clock } from '../ports/clock.ts'
import type { OffsetCounter } from '../ports/offset-counter.ts'
import type { SegmentStore } from '../ports/segment-store.ts'
import type { NewMessage } from './message.ts'
import type { Compression } from './segment.ts'
import { defaultLimits, type Limits } from './limits.ts'

/** How many calls to storage an operation made; calls shared by a group commit count for each of its appends. */
export interface StorageCalls { reserve: number, state: number, put: number, get: number, list: number }

export interface Appended {
  readonly first: number
  readonly last: number
  readonly calls: StorageCalls
}

export interface ReadRequest {
  /** An offset from 1. */
  readonly from: number
  /** At most so many messages. */
  readonly limit: number
  /** At most so many bytes of messages, but at least one message if there is one. */
  readonly maxBytes: number
}

export interface Page {
  /** The messages' stored lines, which are their wire form. */
  readonly lines: readonly Uint8Array[]
  /** The first offset not accounted for: where to go on. */
  readonly nextOffset: number
  readonly calls: StorageCalls
}

export interface LogDeps {
  readonly segments: SegmentStore
  readonly counter: OffsetCounter
  readonly clock: Clock
  readonly compression: Compression
  readonly limits?: Limits
  /** A number in [0, 1), for delays and writer ids. */
  readonly random?: () => number
}

/** Every method throws LogError and nothing else. */
export interface Log {
  append (topic: string, messages: readonly NewMessage[]): Promise<Appended>
  read (topic: string, request: ReadRequest): Promise<Page>
  /** The offset that `earliest` or `latest` stands for now. */
  position (topic: string, at: 'earliest' | 'latest'): Promise<number>
  /** Refuses new appends and waits for those under way. */
  close (): Promise<void>
}

export function createLog (deps: LogDeps): Log {
  throw new Error(`not yet ${String(deps.limits ?? defaultLimits)}`)
}
