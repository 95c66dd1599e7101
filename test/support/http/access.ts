import { createBearerAuthenticator } from '../../../src/app/access/bearer-authenticator.ts'
import type { Authenticator } from '../../../src/app/access/authenticator.ts'
import { Grants } from '../../../src/domain/access/grants.ts'
import type { Principal } from '../../../src/domain/access/principal.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'

/** Tokens by their text, and what they allow. More can be added, and some be revoked. */
export class TokenTable {
  readonly #principals = new Map<string, Principal>()
  /** Thrown by look-ups, while it is set. */
  failure: Error | undefined

  constructor (grants: Readonly<Record<string, readonly string[]>> = {}) {
    for (const [text, allowed] of Object.entries(grants)) this.set(text, allowed)
  }

  set (text: string, allowed: readonly string[], more: Partial<Principal> = {}): void {
    const id = `id${this.#principals.size}`
    this.#principals.set(text, { kind: 'token', id, name: `name of ${id}`, grants: new Grants(allowed), ...more })
  }

  revoke (text: string): void {
    this.#principals.delete(text)
  }

  async find (text: string): Promise<Principal | undefined> {
    if (this.failure !== undefined) throw this.failure
    return this.#principals.get(text)
  }

  get authenticator (): Authenticator { return createBearerAuthenticator(defaultLimits, { tokens: this }) }
}

export function bearer (token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}
