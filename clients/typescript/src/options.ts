import type { StreamsError } from './errors.ts'
import type { Pauses } from './waiting.ts'

export interface RetryOptions extends Partial<Pauses> {
  /** The most attempts; by default as many as fit into `timeoutMs`. 1: no retry. */
  readonly attempts?: number
}

/** A request that is about to be sent. */
export interface RequestInfo {
  /** The operation's id in the service's OpenAPI document, such as `produce`. */
  readonly operation: string
  readonly method: string
  readonly url: string
  /** May be changed: `traceparent` for example. */
  readonly headers: Headers
  /** From 1. */
  readonly attempt: number
}

export interface ResponseInfo extends RequestInfo {
  readonly status: number
  /** Until the headers of the answer arrived. */
  readonly ms: number
  readonly requestId: string | undefined
}

export interface RetryInfo {
  readonly operation: string
  /** The one that failed, from 1. */
  readonly attempt: number
  readonly error: StreamsError
  /** The pause before the next. */
  readonly delayMs: number
}

/**
 * Called by the client, for logs, metrics and traces. What `onRequest` and `messageHeaders` throw fails the call; what the others throw
 * becomes an uncaught exception.
 */
export interface Hooks {
  readonly onRequest?: (request: RequestInfo) => void | Promise<void>
  readonly onResponse?: (response: ResponseInfo) => void
  readonly onRetry?: (retry: RetryInfo) => void
  /** Headers of every message that is appended, such as `traceparent`. A message's own go before them. */
  readonly messageHeaders?: () => Readonly<Record<string, string>> | undefined
}

export interface ClientOptions {
  /** Where the service is, such as `http://127.0.0.1:9000`. It may have a path: the stage of an API Gateway, or `/v1`. */
  readonly url: string | URL
  /** For `Authorization: Bearer`. A function is asked before each attempt, so that it can renew the token. */
  readonly token?: string | (() => string | Promise<string>)
  /** In place of the platform's. */
  readonly fetch?: typeof globalThis.fetch
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * `gzip`: bodies of 1,000 characters and more are sent compressed. It costs 10 ms of CPU a MB, and makes JSON
   * three to eight times smaller, so it pays on links below about 500 Mbit/s.
   * Answers are compressed if the platform asks for it, as all do, but not with `none`. By default no body is, and no answer of a service
   * on this machine.
   */
  readonly compression?: 'gzip' | 'none'
  /** `false`: no retries. By default pauses of up to 100 ms, doubling up to 5 s, within `timeoutMs`. */
  readonly retry?: RetryOptions | false
  /** Time for a call with all its attempts, in ms; 60,000 by default. */
  readonly timeoutMs?: number
  /** Time for one attempt, in ms; 30,000 by default: the service answers an append within 20 seconds. */
  readonly attemptTimeoutMs?: number
  readonly hooks?: Hooks
}

/** Of every method that sends requests. */
export interface CallOptions {
  /** Ends the call with the signal's reason. An append may have been stored. */
  readonly signal?: AbortSignal | undefined
  /** In place of the client's. */
  readonly timeoutMs?: number | undefined
}
