import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { createCatalog, type CatalogDeps, type NamedSegmentStore, type Swept } from '../../../src/domain/catalog/catalog.ts'
import { endOf } from '../../../src/domain/topics/state.ts'
import type { RecordStore } from '../../../src/ports/record-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'

export interface Stores { readonly topics: TopicStore, readonly segments: NamedSegmentStore, readonly records: RecordStore }

export type TestCatalog = ReturnType<typeof createTestCatalog>

/** A catalog on stores in memory, whose clock is `time.now`; the process's own clock is far behind it. */
export function createTestCatalog (options: Partial<CatalogDeps> & { stores?: (inner: Stores) => Partial<Stores> } = {}) {
  const time = { now: Date.UTC(2026, 0, 1), elapsed: 0 }
  const inner: Stores = {
    topics: createMemoryTopicStore(() => time.now),
    segments: createMemorySegmentStore(() => time.now),
    records: createMemoryRecordStore()
  }
  const calls: Record<string, number> = {}
  const { topics, segments, records } = { ...inner, ...options.stores?.(inner) }
  const stores: Stores = {
    topics: counted(topics, 'topics', calls),
    segments: counted(segments, 'segments', calls),
    records: counted(records, 'records', calls)
  }
  const catalog = createCatalog({
    ...stores,
    clock: {
      ...systemClock,
      wall: () => 1_000,
      monotonic: () => time.elapsed,
      // Time-outs never come, delays pass at once.
      timer: (ms, callback) => {
        if (ms <= 1_000) queueMicrotask(callback)
        return () => {}
      }
    },
    retention: {},
    raiseEarliest: async (topic, before) => {
      const item = await stores.topics.read(topic)
      const answer = await stores.topics.raiseEarliest(topic, Math.min(before, endOf(item)), {})
      return answer.item!.earliest
    },
    resolveClosing: async () => false,
    ...options
  })

  return {
    catalog,
    time,
    stores: inner,
    /** The calls since the last time. */
    callsMade: (): Record<string, number> => {
      const made = { ...calls }
      for (const name of Object.keys(calls)) delete calls[name]
      return made
    },
    /** Reserves one offset, or `count`, and stores a segment of `bytes` there. @returns its last offset */
    append: async (topic: string, bytes = 100, count = 1): Promise<number> => {
      const last = await reserve(inner.topics, topic, count, time.now)
      await put(inner.segments, topic, last, bytes)
      return last
    },
    reserve: (topic: string, count = 1) => reserve(inner.topics, topic, count, time.now),
    put: (topic: string, last: number, bytes = 100) => put(inner.segments, topic, last, bytes),
    lasts: async (topic: string): Promise<number[]> => {
      const { entries } = await inner.segments.list(topic, 1, 1_000_000)
      return entries.map(({ lastOffset }) => lastOffset)
    }
  }
}

/** The results of a sweep, without the calls. */
export function resultsOf ({ results }: Swept) {
  return results.map(({ topic, before, segments, bytes, cutShort, error }) => ({
    topic, before, segments, bytes, ...cutShort && { cutShort }, ...error && { error: error.code }
  }))
}

export async function reserve (topics: TopicStore, topic: string, count: number, now: number): Promise<number> {
  const item = await topics.read(topic)
  const belief = { closed: item?.closed ?? null, closing: item?.closing?.last ?? null, config: item?.config ?? null }
  const answer = await topics.reserve(topic, { count }, belief, { now })
  if (answer.kind === 'refused') throw new Error('refused')
  return answer.last
}

async function put (segments: NamedSegmentStore, topic: string, last: number, bytes: number): Promise<void> {
  const object = { body: new Uint8Array(bytes), contentType: 'application/json', metadata: {} }
  await segments.putIfAbsent(topic, last, object, { reservedAtMs: null })
}

function counted<Port extends object> (port: Port, prefix: string, calls: Record<string, number>): Port {
  return new Proxy(port, {
    get (target, name: string & keyof Port) {
      const method: unknown = target[name]
      if (typeof method !== 'function') return method
      return (...parameters: unknown[]): unknown => {
        const key = `${prefix}.${name}`
        calls[key] = (calls[key] ?? 0) + 1
        return (method as (...parameters: unknown[]) => unknown).apply(target, parameters)
      }
    }
  })
}
