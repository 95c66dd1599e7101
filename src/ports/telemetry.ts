import type { StoreFailure } from './errors.ts'
import type { Bytes, Ms } from './units.ts'

/** The calls to stores that are counted, each with the store that it goes to. */
export const storeOperations = {
  put: 'segments',
  get: 'segments',
  list: 'segments',
  remove: 'segments',
  reserve: 'topics',
  state: 'topics',
  mark_closed: 'topics',
  correct_reserved_at: 'topics',
  raise_earliest: 'topics',
  mark_deleted: 'topics',
  configure: 'topics',
  note_swept: 'topics',
  list_topics: 'topics',
  read_record: 'records',
  replace_record: 'records',
  remove_expired: 'records',
  read_group: 'groups',
  write_group: 'groups',
  remove_group: 'groups',
  list_groups: 'groups',
  read_token: 'tokens',
  create_token: 'tokens',
  remove_token: 'tokens',
  list_tokens: 'tokens'
} as const satisfies Record<string, 'segments' | 'topics' | 'records' | 'groups' | 'tokens'>

export type StoreOperation = keyof typeof storeOperations

/** `internal`: the adapter threw something other than a StoreError. */
export type StoreOutcome = 'ok' | StoreFailure | 'internal'

/**
 * All metrics, as Prometheus names them. An adapter for another system derives its names from these; dashboards and alarms
 * import them. The values of `operation` and `store` are the keys and values of {@link storeOperations}, those of
 * `outcome` are {@link StoreOutcome}.
 */
export const metrics = {
  storeCalls: {
    name: 'streams_store_calls_total',
    kind: 'counter',
    labels: ['store', 'operation', 'outcome'],
    help: 'Calls to a store that have ended. Each attempt counts.'
  },
  storeCallSeconds: {
    name: 'streams_store_call_duration_seconds',
    kind: 'histogram',
    labels: ['store', 'operation'],
    help: 'Duration of the calls to a store that succeeded.'
  },
  storeBytes: {
    name: 'streams_store_bytes_total',
    kind: 'counter',
    labels: ['store', 'operation'],
    help: 'Bytes of the objects that were put or fetched, as stored.'
  }
} as const satisfies Record<string, Metric>

export interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

/** Where the service reports what it does. One method an event, with the numbers of all its metrics. Methods must not throw. */
export interface Telemetry {
  /**
   * A call to a store has ended.
   * @param ms its duration
   * @param bytes of the object that was put or fetched, as stored; 0 for other calls, and for calls that failed
   */
  storeCall (operation: StoreOperation, outcome: StoreOutcome, ms: Ms, bytes: Bytes): void
}
