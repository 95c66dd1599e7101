import { camelOf, createdOf, toCamel, toSnakeJson } from './case.ts'
import { Consumer, type ConsumeOptions, type Handler } from './consumer.ts'
import { type Message, type MessageDecoder, pageTextOf } from './messages.ts'
import type { CallOptions } from './options.ts'
import { processor, type ProcessOptions, type Outputs } from './processing.ts'
import { pathOf, type Transport } from './transport.ts'

export type GroupMode = 'shared' | 'keyed' | 'exclusive'

/** What can be set for a group. Members that are absent keep their values. */
export interface GroupConfig {
  /** `shared`: any message to any worker. `keyed`: those of a key one after the other. `exclusive`: one lease at a time. */
  readonly mode?: GroupMode
  readonly leaseMs?: number
  /** Deliveries before a message becomes a dead letter; `null`: never. */
  readonly maxAttempts?: number | null
  readonly deadLetterTopic?: string | null
  readonly maxInFlight?: number
}

export interface GroupInfo {
  readonly topic: string
  readonly group: string
  readonly mode: GroupMode
  readonly leaseMs: number
  readonly maxAttempts: number | null
  readonly deadLetterTopic: string | null
  readonly maxInFlight: number
  /** All messages below are done. */
  readonly committedOffset: number
  /** The first offset that was never handed out. */
  readonly nextOffset: number
  readonly end: number
  readonly lag: number
  readonly inFlight: number
  readonly retrying: number
  readonly delayed: number
  readonly lockedKeys: number
  readonly deadLettersWaiting: number
  readonly stateBytes: number
  readonly leases: ReadonlyArray<{
    readonly consumer: string | null, readonly expiresAt: number, readonly first: number, readonly last: number, readonly messages: number
  }>
}

export interface ReceiveOptions extends CallOptions {
  /** At most 1,000; 10 by default. */
  readonly limit?: number
  readonly maxBytes?: number
  /** By default that of the group. */
  readonly leaseMs?: number
  /** How long to wait for messages, in ms, at most 20,000. By default 0. */
  readonly waitMs?: number
  /** The worker's name, for `describe`. */
  readonly consumer?: string
  /** Acknowledged first. One that is refused does not fail the receive. */
  readonly ack?: readonly LeasePart[]
  /** A receive that is repeated with its key gets the same lease. By default each call has a new one. */
  readonly idempotencyKey?: string
}

/** Messages of a lease; all of them without `offsets`. */
export interface LeasePart {
  readonly leaseId: string
  readonly offsets?: readonly number[]
}

export interface Lease {
  readonly id: string
  /** By the clock of the storage, in ms since 1970. */
  readonly expiresAt: number
  /** From when the service answered. */
  readonly expiresInMs: number
  /** Messages that were delivered before, and the how many-th delivery this is. */
  readonly redelivered: ReadonlyArray<{ readonly first: number, readonly last: number, readonly attempt: number }>
}

export interface Acked { readonly acked: number, readonly already: boolean, readonly committedOffset: number }

export interface Received<Payload> {
  /** Not checked by the schema, so that one message cannot fail the others; `consume` does. */
  readonly messages: ReadonlyArray<Message<Payload>>
  /** `null` if there are no messages. */
  readonly lease: Lease | null
  /** For each entry of `ack`: the answer, or the problem. */
  readonly acked?: ReadonlyArray<Acked | { readonly code: string, readonly detail: string, readonly retriable: boolean }>
  readonly committedOffset: number
  readonly lag: number
  readonly waitingFor?: 'messages' | 'writer' | 'delay' | 'leases' | 'acks' | 'dead_letters'
  readonly retryInMs?: number
}

export interface NackOptions extends CallOptions {
  readonly delayMs?: number
  /** Whether the delivery counts; `false` for messages that were not begun. */
  readonly counted?: boolean
  /** To the dead letters at once. */
  readonly reject?: boolean
  /** Why, for the dead letters; at most 1 KiB. */
  readonly detail?: string
}

export interface Nacked { readonly nacked: number, readonly returned: readonly number[], readonly dead: number }

export interface Redriven {
  readonly redriven: number, readonly skipped: number, readonly trimmed: readonly number[], readonly more: boolean
}

/** A consumer group of a topic. */
export class Group<Output = unknown> {
  readonly topic: string
  readonly name: string
  readonly #transport: Transport
  readonly #format: MessageDecoder<Output>

  constructor (transport: Transport, format: MessageDecoder<Output>, topic: string, name: string) {
    this.#transport = transport
    this.#format = format
    this.topic = topic
    this.name = name
  }

  /** Creates the group, or changes its config. The same again is no error. @throws StreamsError */
  async create (
    config: GroupConfig & { readonly start?: number | 'earliest' | 'latest' } = {}, options?: CallOptions
  ): Promise<GroupInfo & { readonly created: boolean }> {
    return this.#transport.send({ ...this.#call('putGroup', 'PUT'), body: toSnakeJson(config) }, createdOf<GroupInfo>, options)
  }

  /** @throws StreamsError `group_not_found` */
  async describe (options?: CallOptions): Promise<GroupInfo> {
    return this.#ask('describeGroup', 'GET', '', undefined, options)
  }

  /** @param force also while messages are leased @throws StreamsError */
  async delete ({ force, ...options }: CallOptions & { readonly force?: boolean } = {}): Promise<void> {
    await this.#transport.send({ ...this.#call('deleteGroup', 'DELETE'), query: { force } }, async () => {}, options)
  }

  /**
   * Moves the group; its leases end. Or stores the position of a consumer that reads by itself: `expected` is where it began.
   * @throws StreamsError `offset_conflict` if the committed offset is not the expected one
   */
  async seek (
    offset: number | 'earliest' | 'latest', { expected, ...options }: CallOptions & { readonly expected?: number } = {}
  ): Promise<{ readonly committedOffset: number, readonly endedLeases: number }> {
    return this.#ask('seekGroup', 'PUT', 'offset', { offset, expected }, options)
  }

  /** Delivers dead messages again. @throws StreamsError */
  async redrive ({ limit, from, ...options }: CallOptions & { readonly limit?: number, readonly from?: number } = {}): Promise<Redriven> {
    return this.#ask('redriveGroup', 'POST', 'redrive', { limit, from }, options)
  }

  /** Leases messages. If there is no such group, it is made, and begins at the first message. @throws StreamsError */
  async receive (options: ReceiveOptions = {}): Promise<Received<Output>> {
    const { signal, timeoutMs, waitMs = 0, idempotencyKey = crypto.randomUUID(), ...asked } = options
    const text = await this.#transport.send({
      ...this.#call('receive', 'POST', 'receive'),
      body: toSnakeJson({ ...asked, wait: waitMs / 1_000 }),
      headers: { 'idempotency-key': idempotencyKey },
      waitMs
    }, pageTextOf, { signal, timeoutMs })
    const { messages, rest } = this.#format.parseAnswer(text)
    return { messages: messages as Array<Message<Output>>, ...toCamel<Omit<Received<Output>, 'messages'>>(rest) }
  }

  /** @throws StreamsError `lease_lost` */
  async ack (part: LeasePart, options?: CallOptions): Promise<Acked> {
    return this.#ask('ack', 'POST', 'ack', part, options)
  }

  /** Gives messages back, or up. @throws StreamsError `lease_lost` */
  async nack (part: LeasePart, { signal, timeoutMs, ...how }: NackOptions = {}): Promise<Nacked> {
    return this.#ask('nack', 'POST', 'nack', { ...part, ...how }, { signal, timeoutMs })
  }

  /** The lease ends `leaseMs` from now; by default the group's. @throws StreamsError `lease_lost` */
  async extend (
    leaseId: string, { leaseMs, ...options }: CallOptions & { readonly leaseMs?: number | undefined } = {}
  ): Promise<{ readonly expiresAt: number, readonly expiresInMs: number }> {
    return this.#ask('extend', 'POST', 'extend', { leaseId, leaseMs }, options)
  }

  /**
   * Handles messages until the signal is aborted: then it finishes what was begun, gives the rest back, and resolves.
   * A handler that resolves acknowledges its message. One that throws gives it back, to come again after a growing pause.
   * @throws StreamsError if it cannot go on
   */
  async consume (handler: Handler<Output>, options: ConsumeOptions = {}): Promise<void> {
    await new Consumer(this, this.#format, this.#transport, handler, options).run()
  }

  /**
   * Handles messages as `consume` does, and appends what the handler returns, each output once however often its message is delivered.
   * The outputs of one message for one topic are stored together; those for several topics are not.
   * @throws StreamsError if it cannot go on
   */
  async process (handler: (...args: Parameters<Handler<Output>>) => Outputs, options: ProcessOptions = {}): Promise<void> {
    await this.consume(processor(this.#transport, `${this.topic}/${this.name}`, handler, options), options)
  }

  async #ask<T> (operation: string, method: 'GET' | 'POST' | 'PUT', part: string, body: unknown, options?: CallOptions): Promise<T> {
    const call = { ...this.#call(operation, method, part), body: body === undefined ? undefined : toSnakeJson(body) }
    return this.#transport.send(call, camelOf<T>, options)
  }

  #call (operation: string, method: 'DELETE' | 'GET' | 'POST' | 'PUT', part = '') {
    const path = pathOf('topics', this.topic, 'groups', this.name) + (part === '' ? '' : `/${part}`)
    return { operation, method, path }
  }
}
