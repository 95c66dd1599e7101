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

export interface TestLogOptions extends Pick<LogDeps, 'createsTopics'> {
  /** Those that differ from the defaults. Without `segmentCacheBytes` nothing is cached, so that every read reaches the store. */
  readonly limits?: Partial<Limits>
  readonly compression?: LogDeps['compression']
  readonly faults?: Partial<StoreFaults>
}

/** A process on the stores. */
export interface TestProcess {
  readonly log: Log
  /** Of the stores as `log` reaches them. A test may change them at any time. */
  readonly faults: StoreFaults
  /** What `log` has called so far, failed calls included. */
  readonly calls: StorageCalls
}

export interface TestLog extends TestProcess {
  /** A second process on the same stores. It meets no faults. */
  readonly other: Log
  /** Of `log`, `other` and the stores. */
  readonly clock: JumpingClock
  /** The stores themselves, without faults. */
  readonly segments: SegmentStore
  readonly topics: TopicStore
  readonly records: RecordStore
  /** What `log` and `other` are made of, for a test of a part of them. */
  readonly deps: LogDeps
  /** Starts another process on the same stores, which knows nothing, and meets no faults at first. */
  readonly start: () => TestProcess
}

/** A log over memory stores, in a time that does not pass while there is something to do. It is closed after the test. */
export function testLog (
  t: TestContext, { limits, compression = 'none', createsTopics, faults: initial = {} }: TestLogOptions = {}
): TestLog {
  const clock = new JumpingClock()
  const segments = createMemorySegmentStore(clock.wall)
  const topics = createMemoryTopicStore(clock.wall)
  const records = createMemoryRecordStore()
  const deps: LogDeps = {
    segments,
    topics,
    records,
    clock,
    compression,
    limits: { ...defaultLimits, segmentCacheBytes: 0, ...limits },
    ...createsTopics !== undefined && { createsTopics }
  }
  const start = (faultsAtFirst: Partial<StoreFaults> = {}): TestProcess => {
    const process = startProcess(deps, faultsAtFirst)
    t.after(() => process.log.close())
    return process
  }
  const other = createLog(deps)
  t.after(() => other.close())
  return { ...start(initial), other, clock, segments, topics, records, deps, start: () => start() }
}

function startProcess (deps: LogDeps, initial: Partial<StoreFaults>): TestProcess {
  const { segments, topics, records } = deps
  const faults = { segments: { ...initial.segments }, topics: { ...initial.topics }, records: { ...initial.records } }
  const calls = noCalls()
  const log = createLog({
    ...deps,
    segments: counted(withFaults(segments, faults.segments), { putIfAbsent: 'put', get: 'get', list: 'list' }, calls),
    topics: counted(withFaults(topics, faults.topics), { reserve: 'reserve', markClosed: 'reserve', read: 'state' }, calls),
    records: counted(withFaults(records, faults.records), { replace: 'reserve', read: 'state' }, calls)
  })
  return { log, faults, calls }
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
