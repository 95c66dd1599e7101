import type { Bytes, Ms, Offset } from '../../ports/units.ts'
import type { LogError } from '../errors.ts'
import type { WaitingFor } from './receive.ts'
import type { Acked, LeasePart } from './settle.ts'

export interface ReceiveOptions {
  readonly limit: number
  readonly maxBytes: Bytes
  /** The group's by default. */
  readonly leaseMs?: Ms | undefined
  readonly consumer?: string | undefined
  /** How long to wait for messages. */
  readonly waitMs: Ms
  /** Two receives with the same key get the same lease. */
  readonly key?: string | undefined
  /** To be acknowledged first. */
  readonly acks: readonly LeasePart[]
  /** When it is aborted, the receive answers with what there is, and does not wait any more. */
  readonly endsWait?: AbortSignal | undefined
  /** Called before the receive waits for the first time. If it returns false, the receive answers at once with what there is. */
  readonly mayWait?: (() => boolean) | undefined
  /**
   * Called with 0 before the receive waits, and with the bytes of messages that it has in memory when it has read some. If it
   * rejects, the receive fails, and leases nothing.
   */
  readonly holds?: ((bytes: Bytes) => Promise<void>) | undefined
}

export interface AckAnswer extends Acked { readonly committedOffset: Offset }

/** Messages that were delivered before. */
export interface Redelivered { readonly first: Offset, readonly last: Offset, readonly attempt: number }

export interface LeaseAnswer {
  readonly id: string
  /** By the store's clock, ms. */
  readonly expiresAt: Ms
  readonly expiresInMs: Ms
  readonly redelivered: readonly Redelivered[]
}

export interface ReceiveAnswer {
  /** Stored lines, ascending by offset. */
  readonly lines: readonly Uint8Array[]
  readonly lease: LeaseAnswer | undefined
  readonly acked: ReadonlyArray<AckAnswer | LogError>
  readonly committedOffset: Offset
  readonly lag: number
  /** What is missing, if there are no messages. */
  readonly waitingFor?: WaitingFor
  /** When it is worth asking again, if that is known. */
  readonly retryInMs?: Ms | undefined
}
