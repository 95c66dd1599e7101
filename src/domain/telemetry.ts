import type { Clock } from '../ports/clock.ts'
import { StoreError } from '../ports/errors.ts'
import type { GroupStore } from '../ports/group-store.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { NamedSegmentStore, SegmentObject, SegmentStore } from '../ports/segment-store.ts'
import type { StoreOperation, Telemetry } from '../ports/telemetry.ts'
import type { TokenStore } from '../ports/token-store.ts'
import type { TopicStore } from '../ports/topic-store.ts'
import type { Bytes } from '../ports/units.ts'

const nothing = (): void => {}

/** Reports nothing. */
export const noTelemetry: Telemetry = {
  storeCall: nothing,
  capacityUsed: nothing,
  append: nothing,
  segmentWritten: nothing,
  read: nothing,
  delivered: nothing,
  segmentLookup: nothing,
  loadedAhead: nothing,
  hole: nothing,
  sealPut: nothing,
  liveRequestBegan: nothing,
  liveRequestEnded: nothing,
  swept: nothing,
  groupReceived: nothing,
  groupAcked: nothing,
  groupLeasesExpired: nothing,
  groupDeadLettered: nothing,
  bytesHeld: nothing,
  refused: nothing,
  request: nothing
}

/** The store, with each call reported to `telemetry`, apart from `check`. */
export function observedSegments (store: SegmentStore, telemetry: Telemetry, clock: Clock): SegmentStore {
  const observe = observer(telemetry, clock)
  const size = (object: SegmentObject | undefined): Bytes => object?.body.length ?? 0
  return {
    putIfAbsent: (topic, last, object, options) => observe('put', store.putIfAbsent(topic, last, object, options), () => size(object)),
    get: (topic, last, options) => observe('get', store.get(topic, last, options), size),
    list: (topic, from, limit, options) => observe('list', store.list(topic, from, limit, options)),
    remove: (topic, lasts, options) => observe('remove', store.remove(topic, lasts, options)),
    check: (options) => store.check(options)
  }
}

/** The same for a store that can list the names of topics. */
export function observedNamedSegments (store: NamedSegmentStore, telemetry: Telemetry, clock: Clock): NamedSegmentStore {
  const observe = observer(telemetry, clock)
  return {
    ...observedSegments(store, telemetry, clock),
    topics: (after, limit, options) => observe('list_names', store.topics(after, limit, options))
  }
}

/** The store, with each call reported to `telemetry`, apart from `check`. */
export function observedTopics (store: TopicStore, telemetry: Telemetry, clock: Clock): TopicStore {
  const observe = observer(telemetry, clock)
  return {
    read: (topic, options) => observe('state', store.read(topic, options)),
    reserve: (topic, wanted, belief, options) => observe('reserve', store.reserve(topic, wanted, belief, options)),
    markClosed: (topic, closing, options) => observe('mark_closed', store.markClosed(topic, closing, options)),
    raiseEarliest: (topic, to, resolved, options) => observe('raise_earliest', store.raiseEarliest(topic, to, resolved, options)),
    markDeleted: (topic, currentOffset, options) => observe('mark_deleted', store.markDeleted(topic, currentOffset, options)),
    configure: (topic, config, seen, options) => observe('configure', store.configure(topic, config, seen, options)),
    noteSwept: (topic, swept, options) => observe('note_swept', store.noteSwept(topic, swept, options)),
    correctReservedAt: (topic, time, options) => observe('correct_reserved_at', store.correctReservedAt(topic, time, options)),
    list: (after, limit, options) => observe('list_topics', store.list(after, limit, options)),
    check: (options) => store.check(options)
  }
}

/** The store, with each call reported to `telemetry`. */
export function observedRecords (store: RecordStore, telemetry: Telemetry, clock: Clock): RecordStore {
  const observe = observer(telemetry, clock)
  return {
    read: (name, options) => observe('read_record', store.read(name, options)),
    replace: (name, record, seen, options) => observe('replace_record', store.replace(name, record, seen, options)),
    removeExpired: (nowMs, limit, options) => observe('remove_expired', store.removeExpired(nowMs, limit, options))
  }
}

/** The store, with each call reported to `telemetry`. */
export function observedGroups (store: GroupStore, telemetry: Telemetry, clock: Clock): GroupStore {
  const observe = observer(telemetry, clock)
  return {
    read: (name, options) => observe('read_group', store.read(name, options)),
    write: (name, item, expected, options) => observe('write_group', store.write(name, item, expected, options)),
    remove: (name, expected, options) => observe('remove_group', store.remove(name, expected, options)),
    list: (topic, after, limit, options) => observe('list_groups', store.list(topic, after, limit, options))
  }
}

/** The store, with each call reported to `telemetry`. */
export function observedTokens (store: TokenStore, telemetry: Telemetry, clock: Clock): TokenStore {
  const observe = observer(telemetry, clock)
  return {
    read: (id, options) => observe('read_token', store.read(id, options)),
    create: (token, options) => observe('create_token', store.create(token, options)),
    remove: (id, options) => observe('remove_token', store.remove(id, options)),
    list: (after, limit, options) => observe('list_tokens', store.list(after, limit, options))
  }
}

type Observe = <T>(operation: StoreOperation, call: Promise<T>, bytesOf?: (answer: T) => Bytes) => Promise<T>

function observer (telemetry: Telemetry, clock: Clock): Observe {
  return (operation, call, bytesOf = () => 0) => {
    const startedAt = clock.monotonic()
    return call.then((answer) => {
      telemetry.storeCall(operation, 'ok', clock.monotonic() - startedAt, bytesOf(answer))
      return answer
    }, (error: unknown) => {
      telemetry.storeCall(operation, error instanceof StoreError ? error.failure : 'internal', clock.monotonic() - startedAt, 0)
      throw error
    })
  }
}
