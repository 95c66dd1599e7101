import type { CallOptions } from './segment-store.ts'
import type { Ms } from './units.ts'

export interface GroupName { readonly topic: string, readonly group: string }

/** A consumer group as it is stored (groups §2.1). */
export interface GroupItem {
  /** Tells one life of the group from another: 16 random bytes, as 32 hexadecimal digits. */
  readonly gen: string
  /** One more with each write of this life. */
  readonly rev: number
  /** A random text of the newest write, by which a writer whose answer was lost recognizes its own. */
  readonly by: string
  /** Opaque to the store. */
  readonly config: string
  /** Opaque to the store. */
  readonly state: Uint8Array
}

/** Which item a change expects to find. `rev` alone would repeat after a deletion. */
export type GroupVersion = Pick<GroupItem, 'gen' | 'rev'>

/** The store's clock: the time of an answer is between the two, ms since epoch. */
export interface StoreInstant { readonly low: Ms, readonly high: Ms }

export interface GroupRead {
  readonly item: GroupItem | undefined
  readonly now: StoreInstant
}

export type GroupWritten =
  | { readonly kind: 'written', readonly now: StoreInstant }
  /** Nothing was changed. `item` is what is stored, `undefined` if there is no such group. */
  | { readonly kind: 'refused', readonly item: GroupItem | undefined, readonly now: StoreInstant }

export interface GroupListing {
  /** Names, ascending. */
  readonly groups: readonly string[]
  readonly truncated: boolean
}

/** Stores one item for each consumer group, changed by single conditional writes (groups §2.2). */
export interface GroupStore {
  /** Strongly consistent. @throws StoreError `throttled`, `unavailable`, `timeout`, `misconfigured` */
  read (name: GroupName, options?: CallOptions): Promise<GroupRead>

  /**
   * Stores the item, on condition that the stored one has the version `expected`, or that there is none if `expected` is `null`.
   * @throws StoreError as `read`, and `full`
   */
  write (name: GroupName, item: GroupItem, expected: GroupVersion | null, options?: CallOptions): Promise<GroupWritten>

  /** Removes the item, if it has the version `expected`. @throws StoreError as `read` */
  remove (name: GroupName, expected: GroupVersion, options?: CallOptions): Promise<GroupWritten>

  /**
   * The topic's groups after `after`. May lack one that was made just now, or have one that was removed just now.
   * @throws StoreError as `read`
   */
  list (topic: string, after: string, limit: number, options?: CallOptions): Promise<GroupListing>
}
