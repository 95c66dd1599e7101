import type { TestContext } from 'node:test'
import type { TopicStore } from '../../../src/ports/topic-store.ts'

export * from '../../support/storage/items.ts'

export interface TopicStoreContractOptions {
  /** A reason to skip the whole suite, or false. */
  readonly skip?: string | false | undefined
  /** The adapter waits for an answer from elsewhere, so that an aborted signal ends the wait. */
  readonly io?: boolean | undefined
  /** `reservedAtMs` and `createdAtMs` are by the store's own clock; otherwise by the caller's. */
  readonly ownTime?: boolean | undefined
  /** How many are made at once; fewer where each takes long, as one that times out is made again and leaves a gap. */
  readonly reservations?: number
  /** How many of them are under way at one time; all by default. An emulator resets connections when it gets hundreds. */
  readonly inFlight?: number
}

/** Two clients of one empty store, which may be the same; they are closed after `t`. */
export type OpenTopicStore = (t: TestContext) => Promise<readonly [TopicStore, TopicStore]> | readonly [TopicStore, TopicStore]

/** How far a store's clock may be from this machine's in a test, whole seconds and a slow machine included. */
export const SKEW_MS = 5_000
