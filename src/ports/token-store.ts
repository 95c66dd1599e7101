import type { CallOptions } from './segment-store.ts'

/** An access token as it is stored: never the token itself. */
export interface StoredToken {
  /** Which token it is; not secret. 1 to 64 of A-Z, a-z, 0-9. */
  readonly id: string
  /** Opaque to the store; at most 64 KiB. Empty if what is stored is not a text. */
  readonly text: string
}

export interface TokenListing {
  /** Ascending. */
  readonly ids: readonly string[]
  /** There may be more after the last one. An empty listing is never truncated. */
  readonly truncated: boolean
}

/** Stores access tokens, which never change. */
export interface TokenStore {
  /** Strongly consistent. @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured` */
  read (id: string, options?: CallOptions): Promise<StoredToken | undefined>

  /** Stores the token, if there is none with its id. @throws StoreError as `read`, and `full` */
  create (token: StoredToken, options?: CallOptions): Promise<'created' | 'exists'>

  /** @returns whether there was such a token @throws StoreError as `read` */
  remove (id: string, options?: CallOptions): Promise<boolean>

  /**
   * The ids of tokens after `after`: the index of a table has no more of them. May lack one that was created just now, or have
   * one that was removed just now.
   * @throws StoreError as `read`
   */
  list (after: string, limit: number, options?: CallOptions): Promise<TokenListing>
}
