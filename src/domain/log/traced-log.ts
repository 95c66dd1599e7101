import type { TracedResult, TraceSpan, Traces } from '../../ports/traces.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import type { Limits } from '../limits.ts'
import { traceparentsOfLines, traceparentsOfNew } from '../segments/traceparent.ts'
import type { Follower, Log } from './log.ts'
import { messagesOf, type Page, type PageSize } from './page.ts'

/** The log, with a span for each append, and for each page that a client gets. */
export function tracedLog (log: Log, traces: Traces, limits: Limits): Log {
  return {
    ...log,

    append: (topic, messages, conditions, operation) => traces.operation(
      { kind: 'send', name: 'append', topic },
      () => log.append(topic, messages, conditions, operation),
      ({ first }) => ({ messages: messages.length, offset: first, traceparents: traceparentsOfNew(messages, limits) })
    ),

    read: (topic, request, operation) => traces.operation(
      { kind: 'receive', name: 'consume', topic, offset: request.from },
      () => log.read(topic, request, operation),
      (page) => resultOf(page, limits)
    ),

    follow: (topic, from, operation) => new TracedFollower(log.follow(topic, from, operation), topic, traces, limits)
  }
}

function resultOf (page: Page, limits: Limits): TracedResult {
  return { messages: page.count, traceparents: traceparentsOfLines(linesOf(page), limits) }
}

function * linesOf (page: Page): Generator<Uint8Array> {
  for (const { line } of messagesOf(page)) yield line
}

class TracedFollower implements Follower {
  readonly #follower: Follower
  readonly #topic: string
  readonly #traces: Traces
  readonly #limits: Limits
  /** Of the request. The later pages of a stream are asked for when its connection has room, which belongs to no request. */
  readonly #within: TraceSpan | undefined

  constructor (follower: Follower, topic: string, traces: Traces, limits: Limits) {
    this.#follower = follower
    this.#topic = topic
    this.#traces = traces
    this.#limits = limits
    this.#within = traces.current()
  }

  get position (): Offset { return this.#follower.position }

  get closed (): boolean { return this.#follower.closed }

  next (size: PageSize, waitMs: Ms, timeoutMs?: Ms): Promise<Page> {
    return this.#traces.wait(
      { kind: 'receive', name: 'consume', topic: this.#topic, offset: this.position }, this.#within,
      () => this.#follower.next(size, waitMs, timeoutMs),
      (page) => page.count === 0 ? undefined : resultOf(page, this.#limits)
    )
  }

  close (): void {
    this.#follower.close()
  }
}
