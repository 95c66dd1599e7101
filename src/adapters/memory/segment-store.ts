import { StoreError } from '../../ports/errors.ts'
import type { SegmentRestore } from '../../ports/copy-store.ts'
import { PUT_ACCEPTED_MS, type NamedSegmentStore, type SegmentObject } from '../../ports/segment-store.ts'

interface StoredObject { readonly object: SegmentObject, readonly lastModified: number }

/** Keeps objects in memory. Each topic has an ascending array of keys; a new key belongs at its end, or close to it. */
export function createMemorySegmentStore (now: () => number = Date.now): NamedSegmentStore & SegmentRestore {
  const topics = new Map<string, { keys: number[], objects: Map<number, StoredObject> }>()

  function put (topic: string, last: number, object: SegmentObject, lastModified: number): 'created' | 'exists' {
    let segments = topics.get(topic)
    if (segments === undefined) topics.set(topic, segments = { keys: [], objects: new Map() })
    if (segments.objects.has(last)) return 'exists'
    segments.objects.set(last, { object, lastModified })
    if (last > (segments.keys.at(-1) ?? 0)) segments.keys.push(last)
    else segments.keys.splice(indexOf(segments.keys, last), 0, last)
    return 'created'
  }

  return {
    async putIfAbsent (topic, last, object, { reservedAtMs }) {
      if (reservedAtMs !== null && now() - reservedAtMs > PUT_ACCEPTED_MS) {
        throw new StoreError('expired', 'none', `the reservation of offset ${last} is older than ${PUT_ACCEPTED_MS} ms`)
      }
      return put(topic, last, object, now())
    },

    async restore (topic, last, object, storedAtMs) {
      return put(topic, last, object, Math.min(storedAtMs, now()))
    },

    async get (topic, last) {
      return topics.get(topic)?.objects.get(last)?.object
    },

    async list (topic, from, limit) {
      const segments = topics.get(topic)
      if (segments === undefined) return { entries: [], truncated: false, now: now() }
      const start = indexOf(segments.keys, from)
      const entries = segments.keys.slice(start, start + limit).map((last) => {
        const { object, lastModified } = segments.objects.get(last)!
        return { lastOffset: last, size: object.body.length, lastModified }
      })
      return { entries, truncated: start + limit < segments.keys.length, now: now() }
    },

    async remove (topic, lasts) {
      const segments = topics.get(topic)
      if (segments === undefined) return
      for (const last of lasts) segments.objects.delete(last)
      segments.keys = segments.keys.filter((last) => segments.objects.has(last))
    },

    async topics (after, limit) {
      const names = [...topics].filter(([topic, { keys }]) => topic > after && keys.length > 0).map(([topic]) => topic).sort()
      return { topics: names.slice(0, limit), truncated: names.length > limit }
    },

    async check () {}
  }
}

/** The index of `value` in the ascending array, or the index at which it would be inserted. */
function indexOf (keys: readonly number[], value: number): number {
  let low = 0
  let high = keys.length
  if (high === 0 || keys[high - 1]! < value) return high
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
