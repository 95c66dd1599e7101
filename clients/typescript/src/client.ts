import type { CallOptions, ClientOptions } from './options.ts'
import type { PayloadOptions } from './messages.ts'
import { list } from './list.ts'
import { Tokens } from './tokens.ts'
import { Topic } from './topic.ts'
import { jsonOf, Transport } from './transport.ts'

/** The service. It holds no connections that would have to be closed. */
export class StreamsClient {
  readonly #transport: Transport
  /** Access tokens, for admins. */
  readonly tokens: Tokens

  constructor (options: ClientOptions) {
    this.#transport = new Transport(options)
    this.tokens = new Tokens(this.#transport)
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
    const call = { operation: 'listTopics', path: '/topics', items: 'topics' }
    for await (const { topic } of list<{ topic: string }>(this.#transport, call, options)) yield topic
  }

  /** Whether the server runs. @throws StreamsError */
  async health (options?: CallOptions): Promise<{ readonly status: 'ok' }> {
    return this.#get('health', options)
  }

  /** Whether the server can use its storage. @throws StreamsError that names the part which does not answer */
  async ready (options?: CallOptions): Promise<{ readonly status: 'ok' }> {
    return this.#get('ready', options)
  }

  /** The server's metrics, in the text format of Prometheus. @throws StreamsError */
  async metrics (options?: CallOptions): Promise<string> {
    return this.#transport.send({
      operation: 'metrics', path: '/metrics'
    }, (response) => response.text(), options)
  }

  async #get<T> (operation: string, options?: CallOptions): Promise<T> {
    return this.#transport.send({ operation, path: `/${operation}` }, jsonOf<T>, options)
  }
}
