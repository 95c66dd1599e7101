import type { Clock } from '../ports/clock.ts'
import { StoreError } from '../ports/errors.ts'
import type { OffsetCounter } from '../ports/offset-counter.ts'
import type { SegmentObject, SegmentStore } from '../ports/segment-store.ts'
import type { StoreOperation, Telemetry } from '../ports/telemetry.ts'
import type { Bytes } from '../ports/units.ts'

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

/** The counter, with each call reported to `telemetry`, apart from `check`. */
export function observedCounter (counter: OffsetCounter, telemetry: Telemetry, clock: Clock): OffsetCounter {
  const observe = observer(telemetry, clock)
  return {
    reserve: (topic, count, options) => observe('reserve', counter.reserve(topic, count, options)),
    read: (topic, options) => observe('state', counter.read(topic, options)),
    correctReservedAt: (topic, reservation, options) =>
      observe('correct_reserved_at', counter.correctReservedAt(topic, reservation, options)),
    raiseEarliest: (topic, to, options) => observe('raise_earliest', counter.raiseEarliest(topic, to, options)),
    markDeleted: (topic, currentOffset, options) => observe('mark_deleted', counter.markDeleted(topic, currentOffset, options)),
    check: (options) => counter.check(options)
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
