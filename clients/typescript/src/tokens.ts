import { camelOf, toCamel, toSnakeJson } from './case.ts'
import { list } from './list.ts'
import type { CallOptions } from './options.ts'
import { pathOf, type Transport } from './transport.ts'

export interface NewToken {
  /** For people. */
  readonly name: string
  /** Grants such as `produce:orders.*`, `admin:*` or `metrics`. */
  readonly allow: readonly string[]
  /** In ms since 1970; by default never. */
  readonly expiresAt?: number
  /** The same from now on. */
  readonly expiresInMs?: number
  /** Requests a second, in each server process. */
  readonly rate?: { readonly requests: number }
}

export interface TokenInfo {
  readonly id: string
  readonly name: string | null
  readonly allow: readonly string[]
  readonly createdAt: number | null
  readonly createdBy: string | null
  readonly expiresAt: number | null
  readonly rate: { readonly requests: number } | null
}

/** Access tokens of the service. They need the grant `admin:*`. */
export class Tokens {
  readonly #transport: Transport

  constructor (transport: Transport) {
    this.#transport = transport
  }

  /**
   * Creates a token. Only this answer has it. It is not repeated after a lost answer, as each request creates another token.
   * @throws StreamsError
   */
  async create (token: NewToken, options?: CallOptions): Promise<TokenInfo & { readonly token: string }> {
    return this.#transport.send({
      operation: 'createToken', method: 'POST', path: '/tokens', body: toSnakeJson(token), repeatable: false
    }, camelOf<TokenInfo & { token: string }>, options)
  }

  /** All tokens, by their ids. @throws StreamsError */
  async * list (options?: CallOptions): AsyncGenerator<TokenInfo, void, undefined> {
    const items = list<unknown>(this.#transport, { operation: 'listTokens', path: '/tokens', items: 'tokens' }, options)
    for await (const item of items) yield toCamel<TokenInfo>(item)
  }

  /** @throws StreamsError `token_not_found` */
  async describe (id: string, options?: CallOptions): Promise<TokenInfo> {
    return this.#transport.send({
      operation: 'describeToken', path: pathOf('tokens', id)
    }, camelOf<TokenInfo>, options)
  }

  /** Deletes the token. Servers refuse it within seconds. @throws StreamsError `token_not_found` */
  async revoke (id: string, options?: CallOptions): Promise<void> {
    await this.#transport.send({
      operation: 'revokeToken', method: 'DELETE', path: pathOf('tokens', id)
    }, async () => {}, options)
  }
}
