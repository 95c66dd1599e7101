import type { StoreOperation } from './telemetry.ts'
import type { Offset } from './units.ts'

declare const span: unique symbol

/** A part of a trace, such as a request or an append. Only the adapter knows what is in it. */
export interface TraceSpan { readonly [span]: true }

/** What a client asks for. `send` writes messages, `receive` reads them, `settle` acknowledges them or hands them back. */
export type TracedKind = 'send' | 'receive' | 'settle'

export interface TracedOperation {
  readonly kind: TracedKind
  /** As clients know it, such as `append`. */
  readonly name: string
  readonly topic: string
  readonly group?: string | undefined
  /** At which a read begins. */
  readonly offset?: Offset | undefined
}

/** What an operation has done. */
export interface TracedResult {
  readonly messages?: number
  /** The first offset that was appended. */
  readonly offset?: Offset
  /** The `traceparent` headers of messages, as their producers have given them. */
  readonly traceparents?: Iterable<string>
}

/**
 * Where the service reports which work belongs to which request, and how long its parts take. It exists only while traces are on.
 * Nothing but names, offsets and counts is reported: no payloads, keys, headers or tokens.
 */
export interface Traces {
  /** The span of the work that is done now; `undefined` outside of a request. */
  current (): TraceSpan | undefined
  /**
   * Does an operation of a client, in a span of its own.
   * @param describe called with the answer, if the span is recorded
   */
  operation<T> (operation: TracedOperation, work: () => Promise<T>, describe: (answer: T) => TracedResult): Promise<T>
  /**
   * The same for an operation that waits, and may find nothing. Then it has no span, and calls to stores belong to `within`.
   * @param within the span of the request
   * @param describe returns `undefined` if nothing was found
   */
  wait<T> (
    operation: TracedOperation, within: TraceSpan | undefined, work: () => Promise<T>, describe: (answer: T) => TracedResult | undefined
  ): Promise<T>
  /**
   * Does work that serves several operations together: the commit of appends, the write of a group's commands. Its span belongs to
   * the first of them that is recorded, and is linked with the others.
   */
  shared<T> (name: string, topic: string, operations: ReadonlyArray<TraceSpan | undefined>, work: () => Promise<T>): Promise<T>
  /** Makes a call to a store. It has a span if it belongs to a recorded operation; calls of the service itself have none. */
  call<T> (operation: StoreOperation, call: () => Promise<T>): Promise<T>
  /** Does work that belongs to no request, although a request may have started it. */
  detached<T> (work: () => T): T
}
