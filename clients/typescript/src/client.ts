import type { CallOptions, ClientOptions } from './options.ts'
import type { PayloadOptions } from './messages.ts'
import { list, Topic } from './topic.ts'
import { jsonOf, Transport } from './transport.ts'

/** The service. It holds no connections that would have to be closed. */
export class StreamsClient {
  readonly #transport: Transport

  constructor (options: ClientOptions) {
    this.#transport = new Transport(options)
  }

  /**
   * A topic, whose payloads have a type, and are checked by a schema if there is one.
   * @example client.topic<Order>('orders') @example client.topic('orders', { schema: z.object({ item: z.string() }) })
   */
  topic<Input = unknown, Output = Input> (name: string, options: PayloadOptions<Input, Output> = {}): Topic<Input, Output> {
    return new Topic(this.#transport, name, options)
  }

  /** The names of the topics. @throws StreamsError */
  async * topics (options?: CallOptions): AsyncGenerator<string, void, undefined> {
    yield * list(this.#transport, { operation: 'listTopics', path: '/topics', items: 'topics', name: 'topic' }, options)
  }

  /** Whether the server runs. @throws StreamsError */
  async health (options?: CallOptions): Promise<{ readonly status: 'ok' }> {
    return this.#get('health', options)
  }

  /** Whether the server can use its storage. @throws StreamsError that names the part which does not answer */
  async ready (options?: CallOptions): Promise<{ readonly status: 'ok' }> {
    return this.#get('ready', options)
  }

  async #get<T> (operation: string, options?: CallOptions): Promise<T> {
    return this.#transport.send({ operation, method: 'GET', path: `/${operation}`, repeatable: true }, jsonOf<T>, options)
  }
}
