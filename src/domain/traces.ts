import type { Clock } from '../ports/clock.ts'
import type { GroupStore } from '../ports/group-store.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { NamedSegmentStore } from '../ports/segment-store.ts'
import type { StoreOperation } from '../ports/telemetry.ts'
import type { TokenStore } from '../ports/token-store.ts'
import type { TopicStore } from '../ports/topic-store.ts'
import type { Traces } from '../ports/traces.ts'

type Methods<Store> = { readonly [Name in keyof Store]?: StoreOperation }

/** Methods of the stores, and what their calls are named. Others belong to no request. */
export const tracedMethods = {
  segments: { putIfAbsent: 'put', get: 'get', list: 'list', remove: 'remove', topics: 'list_names' },
  topics: {
    read: 'state',
    reserve: 'reserve',
    markClosed: 'mark_closed',
    raiseEarliest: 'raise_earliest',
    markDeleted: 'mark_deleted',
    configure: 'configure',
    noteSwept: 'note_swept',
    correctReservedAt: 'correct_reserved_at',
    list: 'list_topics'
  },
  records: { read: 'read_record', replace: 'replace_record', removeExpired: 'remove_expired' },
  groups: { read: 'read_group', write: 'write_group', remove: 'remove_group', list: 'list_groups' },
  tokens: { read: 'read_token', create: 'create_token', remove: 'remove_token', list: 'list_tokens' }
} as const satisfies {
  segments: Methods<NamedSegmentStore>
  topics: Methods<TopicStore>
  records: Methods<RecordStore>
  groups: Methods<GroupStore>
  tokens: Methods<TokenStore>
}

/** The store, with a span for each call of these methods. */
export function tracedStore<Store extends object> (
  store: Store, methods: Methods<Store>, traces: Traces
): Store {
  const traced: Partial<Record<string, unknown>> = {}
  for (const [name, operation] of Object.entries(methods) as Array<[string, StoreOperation]>) {
    const method = (store as Record<string, (...given: unknown[]) => Promise<unknown>>)[name]!
    traced[name] = (...given: unknown[]) => traces.call(operation, () => method.apply(store, given))
  }
  return { ...store, ...traced }
}

/**
 * The clock, with timers that belong to no request. One that polls a topic for all its followers, for example, is started by the
 * request of one of them, but goes on for the others.
 */
export function detachedTimers (clock: Clock, traces: Traces): Clock {
  return {
    ...clock,
    timer: (ms, callback) => clock.timer(ms, () => { traces.detached(callback) }),
    afterCurrentInput: (callback) => { clock.afterCurrentInput(() => { traces.detached(callback) }) }
  }
}
