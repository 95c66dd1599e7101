import type { TestContext } from 'node:test'
import { createMemoryRecordStore } from '../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../src/adapters/memory/topic-store.ts'
import { defaultLimits, type Limits } from '../../src/domain/limits.ts'
import { createLog, type Log, type LogDeps } from '../../src/domain/log/log.ts'
import { noCalls, type StorageCalls } from '../../src/domain/operation.ts'
import type { RecordStore } from '../../src/ports/record-store.ts'
import type { SegmentStore } from '../../src/ports/segment-store.ts'
import type { TopicStore } from '../../src/ports/topic-store.ts'
import { JumpingClock } from './jumping-clock.ts'
import { withFaults, type Faults } from './storage/faults.ts'

export interface StoreFaults {
  readonly segments: Faults<SegmentStore>
  readonly topics: Faults<TopicStore>
  readonly records: Faults<RecordStore>
}

export interface TestLogOptions {
  /** Those that differ from the defaults. Without `segmentCacheBytes` nothing is cached, so that every read reaches the store. */
  readonly limits?: Partial<Limits>
  readonly compression?: LogDeps['compression']
  readonly faults?: Partial<StoreFaults>
}

export interface TestLog {
  readonly log: Log
  /** A second process on the same stores. It meets no faults. */
  readonly other: Log
  /** Of `log`, `other` and the stores. */
  readonly clock: JumpingClock
  /** The stores themselves, without faults. */
  readonly segments: SegmentStore
  readonly topics: TopicStore
  readonly records: RecordStore
  /** Of the stores as `log` reaches them. A test may change them at any time. */
  readonly faults: StoreFaults
  /** What `log` has called so far, failed calls included. */
  readonly calls: StorageCalls
  /** What `log` and `other` are made of, for a test of a part of them. */
  readonly deps: LogDeps
}

/** A log over memory stores, in a time that does not pass while there is something to do. It is closed after the test. */
export function testLog (t: TestContext, { limits, compression = 'none', faults: initial = {} }: TestLogOptions = {}): TestLog {
  const clock = new JumpingClock()
  const segments = createMemorySegmentStore(clock.wall)
  const topics = createMemoryTopicStore(clock.wall)
  const records = createMemoryRecordStore()
  const deps = { segments, topics, records, clock, compression, limits: { ...defaultLimits, segmentCacheBytes: 0, ...limits } }
  const faults = { segments: { ...initial.segments }, topics: { ...initial.topics }, records: { ...initial.records } }
  const calls = noCalls()
  const log = createLog({
    ...deps,
    segments: counted(withFaults(segments, faults.segments), { putIfAbsent: 'put', get: 'get', list: 'list' }, calls),
    topics: counted(withFaults(topics, faults.topics), { reserve: 'reserve', read: 'state' }, calls),
    records: counted(withFaults(records, faults.records), { replace: 'reserve', read: 'state' }, calls)
  })
  const other = createLog(deps)
  t.after(() => Promise.all([log.close(), other.close()]))
  return { log, other, clock, segments, topics, records, faults, calls, deps }
}

/** The port with the calls of some of its methods counted, each under a name of its own. */
function counted<Port extends object> (
  port: Port, names: { readonly [Method in keyof Port]?: keyof StorageCalls }, calls: StorageCalls
): Port {
  return new Proxy(port, {
    get (target, name: string & keyof Port) {
      const method = target[name] as (...parameters: unknown[]) => Promise<unknown>
      const countedAs = names[name]
      return (...parameters: unknown[]) => {
        if (countedAs !== undefined) calls[countedAs]++
        return method.apply(target, parameters)
      }
    }
  })
}
