import { camelOf, createdOf, toSnakeJson } from './case.ts'
import { Following, type FollowOptions } from './following.ts'
import { Group } from './group.ts'
import { list } from './list.ts'
import { type Message, MessageFormat, type MessageOptions, type NewMessage, type PayloadOptions } from './messages.ts'
import type { CallOptions } from './options.ts'
import { type ProducerOptions } from './producer-options.ts'
import { Producer } from './producer.ts'
import { type Page, type PageOptions, Reader, type ReadOptions } from './reading.ts'
import { jsonOf, pathOf, type Transport } from './transport.ts'

/** Conditions of one append. */
export interface AppendConditions extends CallOptions {
  /** Stores the messages only if the first gets this offset. */
  readonly expectedOffset?: number | undefined
  /** Stores the messages only if this is above the `order` of every append before, compared as bytes of UTF-8. */
  readonly order?: string | undefined
  /** Closes the topic with this append. */
  readonly close?: boolean | undefined
  /**
   * The append is stored once, however often it is sent with this key within 24 hours. By default each call has a key of its own, so
   * that it can be repeated safely. `false`: none; then an append whose answer was lost is not repeated.
   */
  readonly idempotencyKey?: string | false | undefined
  /**
   * The append's place in the order of a producer whose state the program keeps itself, to go on with it in another process. The same
   * seq is stored once, however often it is sent. `topic.producer()` keeps the state for you. Not together with a key.
   */
  readonly producer?: { readonly id: string, readonly epoch: number, readonly seq: number } | undefined
}

export type AppendOptions = AppendConditions & MessageOptions

export interface Appended {
  readonly topic: string
  readonly offset: number
  /** An earlier attempt or an earlier call with the same key has stored it. */
  readonly duplicate?: true
  readonly closed?: true
}

export interface AppendedBatch extends Appended {
  readonly lastOffset: number
  readonly count: number
}

/** What can be set for a topic. Members that are absent keep their values, `null` takes the default again. */
export interface TopicConfig {
  readonly retentionMs?: number | null
  readonly retentionBytes?: number | null
  /** The largest message. */
  readonly maxMessageBytes?: number | null
  /** What each server takes in a second. */
  readonly rate?: { readonly messages?: number, readonly bytes?: number } | null
}

export interface TopicInfo {
  readonly topic: string
  /** The first offset that was not removed. */
  readonly earliest: number
  /** The offset of the next message to be written. */
  readonly end: number
  /** In ms since 1970; `null` if it is not known. */
  readonly createdAt: number | null
  readonly closed: boolean
  readonly config: Required<TopicConfig>
  /** Only if they were asked for: the first consumer groups by name. */
  readonly groups?: ReadonlyArray<{ readonly group: string, readonly committedOffset: number | null, readonly lag: number | null }>
  readonly groupsTruncated?: boolean
}

/** A topic: writes, reads and manages it. Making one sends nothing. */
export class Topic<Input = unknown, Output = Input> {
  readonly name: string
  readonly #transport: Transport
  readonly #format: MessageFormat<Input, Output>
  readonly #reader: Reader<Output>

  constructor (transport: Transport, name: string, options: PayloadOptions<Input, Output>) {
    this.name = name
    this.#transport = transport
    this.#format = new MessageFormat(options, transport.hooks)
    this.#reader = new Reader(transport, this.#format, name)
  }

  /** Appends a message, once, and resolves when it is stored. @throws StreamsError, whose `written` says whether it may be there */
  async append (payload: Input, { key, headers, ...conditions }: AppendOptions = {}): Promise<Appended> {
    return this.#append(this.#format.encode({ payload, key, headers }).slice(1, -1), conditions)
  }

  /** Appends messages that get consecutive offsets, all or none: up to 65,536, and 4 MiB. @throws StreamsError as `append` */
  async appendBatch (messages: ReadonlyArray<NewMessage<Input>>, conditions: AppendConditions = {}): Promise<AppendedBatch> {
    return this.#append(`"messages":[${messages.map((message) => this.#format.encode(message)).join(',')}]`, conditions)
  }

  /** For many messages: gathers them into batches, stores each once, and keeps their order. */
  producer (options?: ProducerOptions): Producer<Input> {
    return new Producer(this.#transport, this.#format, this.name, options)
  }

  /** One page, or with `waitMs` one long poll. @throws StreamsError */
  async page (options?: PageOptions): Promise<Page<Output>> {
    return this.#reader.page(options)
  }

  /** Messages that are there. @throws StreamsError @throws the reason of the signal */
  read (options?: ReadOptions): AsyncGenerator<Message<Output>, void, undefined> {
    return this.#reader.read(options)
  }

  /** Messages that are there, then new ones, for ever or up to the end of a closed topic. @throws StreamsError if it cannot go on */
  follow (options: FollowOptions = {}): AsyncGenerator<Message<Output>, void, undefined> {
    return new Following(this.#reader, options).messages()
  }

  /** A consumer group of the topic. */
  group (name: string): Group<Output> {
    return new Group<Output>(this.#transport, this.#format, this.name, name)
  }

  /** The names of the groups. @throws StreamsError */
  async * groups (options?: CallOptions): AsyncGenerator<string, void, undefined> {
    const call = { operation: 'listGroups', path: `${this.#path}/groups`, items: 'groups' }
    for await (const { group } of list<{ group: string }>(this.#transport, call, options)) yield group
  }

  /** @param groups with the lag of the first groups @throws StreamsError `topic_not_found` */
  async describe ({ groups, ...options }: CallOptions & { readonly groups?: boolean } = {}): Promise<TopicInfo> {
    return this.#transport.send({
      operation: 'describeTopic', path: this.#path, query: { groups }
    }, camelOf<TopicInfo>, options)
  }

  /** Creates the topic, or changes its config. The same again is no error. @throws StreamsError */
  async create (config: TopicConfig = {}, options?: CallOptions): Promise<TopicInfo & { readonly created: boolean }> {
    return this.#transport.send({
      operation: 'putTopic', method: 'PUT', path: this.#path, body: toSnakeJson(config)
    }, createdOf<TopicInfo>, options)
  }

  /** Removes the messages below an offset. @throws StreamsError */
  async trim (before: number, options?: CallOptions): Promise<{ readonly topic: string, readonly earliest: number }> {
    return this.#transport.send({
      operation: 'trimTopic', method: 'POST', path: `${this.#path}/trim`, body: toSnakeJson({ before })
    }, jsonOf<{ topic: string, earliest: number }>, options)
  }

  /** Takes no more messages, for ever. @throws StreamsError `offset_mismatch` */
  async close (
    { expectedOffset, ...options }: CallOptions & { readonly expectedOffset?: number } = {}
  ): Promise<{ readonly topic: string, readonly end: number, readonly closed: true }> {
    return this.#transport.send({
      operation: 'closeTopic',
      method: 'POST',
      path: `${this.#path}/close`,
      body: toSnakeJson({ expectedOffset }),
      appends: true
    }, jsonOf<{ topic: string, end: number, closed: true }>, options)
  }

  /** Deletes the topic with all its messages. Its groups stay. @throws StreamsError `topic_not_found` */
  async delete (options?: CallOptions): Promise<void> {
    await this.#transport.send({
      operation: 'deleteTopic', method: 'DELETE', path: this.#path
    }, async () => {}, options)
  }

  get #path (): string { return pathOf('topics', this.name) }

  /** @param members of the body, as JSON */
  async #append<T> (members: string, conditions: AppendConditions): Promise<T> {
    const { expectedOffset, order, close, producer, signal, timeoutMs } = conditions
    const { idempotencyKey = producer === undefined && crypto.randomUUID() } = conditions
    const conditional = toSnakeJson({ expectedOffset, order, close, producer }).slice(1, -1)
    return this.#transport.send({
      operation: 'produce',
      method: 'POST',
      path: `${this.#path}/produce`,
      headers: { 'idempotency-key': idempotencyKey === false ? undefined : idempotencyKey },
      body: `{${members}${conditional === '' ? '' : ','}${conditional}}`,
      repeatable: idempotencyKey !== false || producer !== undefined,
      appends: true
    }, camelOf<T>, { signal, timeoutMs })
  }
}
