import type { Message, MessageDecoder } from './messages.ts'
import type { CallOptions } from './options.ts'
import { pathOf, type Transport } from './transport.ts'
import { childOf, pace } from './waiting.ts'

/** Where reading begins: an offset, the first message, the end of the topic, or the first message at or after a time. */
export type Position = number | 'earliest' | 'latest' | Date

export interface PageOptions extends CallOptions {
  /** By default `earliest`. */
  readonly from?: Position
  /** The most messages, at most and by default 1,000. */
  readonly limit?: number
  /** The most bytes of all messages together; at least one message comes. By default 4 MiB. */
  readonly maxBytes?: number
  /** How long to wait for a message if there is none, in ms, at most 20,000. By default 0. */
  readonly waitMs?: number
}

export interface Page<Payload> {
  readonly messages: ReadonlyArray<Message<Payload>>
  /** Where the next page begins. */
  readonly nextOffset: number
  /** The first offset that was not removed. */
  readonly earliest: number
  /** The offset of the next message to be written. */
  readonly end: number
  /** The topic is closed, and this page goes up to its end. */
  readonly closed: boolean
}

export interface ReadOptions extends CallOptions {
  /** By default `earliest`. */
  readonly from?: Position
  /**
   * The offset after the last message. By default the end of the topic when the reading began, so that reading ends although others
   * go on writing. Beyond the end, the reader waits for the messages.
   */
  readonly until?: number
  /** Messages of one request; 1,000 by default. */
  readonly pageSize?: number
  /** Called when messages were removed before they were read: those from the first offset up to, without, the second. */
  readonly onTrimmed?: (from: number, to: number) => void
}

/** Reads the pages of one topic. */
export class Reader<Output> {
  readonly transport: Transport
  readonly format: MessageDecoder<Output>
  readonly path: string

  constructor (transport: Transport, format: MessageDecoder<Output>, topic: string) {
    this.transport = transport
    this.format = format
    this.path = pathOf('topics', topic, 'consume')
  }

  /** @throws StreamsError */
  async page (options: PageOptions = {}): Promise<Page<Output>> {
    const { from = 'earliest', limit = 1_000, maxBytes, waitMs = 0 } = options
    const { text, ...page } = await this.transport.send({
      operation: 'consume',
      path: this.path,
      query: { ...startOf(from), limit, max_bytes: maxBytes, wait: waitMs > 0 ? waitMs / 1_000 : undefined },
      headers: { accept: 'application/x-ndjson' },
      waitMs
    }, async (response) => {
      const { headers } = response
      return {
        text: await response.text(),
        nextOffset: numberOf(headers, 'next-offset'),
        earliest: numberOf(headers, 'earliest-offset'),
        end: numberOf(headers, 'end-offset'),
        closed: headers.get('topic-closed') === 'true'
      }
    }, options)
    const messages: Array<Message<Output>> = []
    // Not within the attempt: what cannot be decoded once never can.
    for (const line of text.split('\n')) if (line !== '') messages.push(this.format.decode(line))
    return { messages, ...page }
  }

  /** Waits for messages. @returns the page, at the soonest after a moment if there are none @throws StreamsError */
  async poll (options: PageOptions): Promise<Page<Output>> {
    const askedAt = performance.now()
    const page = await this.page({ ...options, waitMs: 20_000 })
    if (page.messages.length === 0 && !page.closed) await pace(askedAt, options.signal)
    return page
  }

  /** The offset of a position. @throws StreamsError */
  async resolve (position: Position, options: CallOptions): Promise<number> {
    if (typeof position === 'number') return position
    return this.transport.send({
      operation: 'consume',
      path: this.path,
      query: { ...startOf(position), limit: 1, max_bytes: 1 },
      headers: { accept: 'application/x-ndjson' }
    }, async (response) => {
      // A payload need not be understood for its offset.
      const offset = /^\{"offset":(\d+)/.exec(await response.text())?.[1]
      return offset === undefined ? numberOf(response.headers, 'next-offset') : Number(offset)
    }, options)
  }

  /** @throws StreamsError @throws the reason of the signal */
  async * read (options: ReadOptions = {}): AsyncGenerator<Message<Output>, void, undefined> {
    const { from = 'earliest', until, pageSize, signal, timeoutMs, onTrimmed } = options
    const { controller, release } = childOf(signal)
    const ask = (how: 'page' | 'poll', from: Position): Promise<Page<Output>> => {
      return this[how]({ from, signal: controller.signal, timeoutMs, ...pageSize !== undefined && { limit: pageSize } })
    }
    try {
      let asked = from
      let page = await ask('page', from)
      const end = until ?? page.end
      for (;;) {
        if (typeof asked === 'number' && page.earliest > asked) onTrimmed?.(asked, page.earliest)
        const done = page.nextOffset >= end || page.closed
        // The next page comes while this one is handled. A page without messages: what comes next is being written.
        const next = done ? undefined : ask(page.messages.length === 0 ? 'poll' : 'page', page.nextOffset)
        next?.catch(() => {})
        for (const message of page.messages) {
          if (message.offset >= end) return
          signal?.throwIfAborted()
          yield message
        }
        if (next === undefined) return
        asked = page.nextOffset
        page = await next
      }
    } finally {
      controller.abort()
      release()
    }
  }
}

/** The query of a position. */
export function startOf (position: Position): { readonly offset?: string, readonly timestamp?: number } {
  return position instanceof Date ? { timestamp: position.getTime() } : { offset: String(position) }
}

/** Within an attempt. @throws SyntaxError as `jsonOf` does */
function numberOf (headers: Headers, name: string): number {
  const value = headers.get(name)
  if (value !== null && /^\d+$/.test(value)) return Number(value)
  throw new SyntaxError(`header ${name}: ${value}`)
}
