import type { OffsetCounter, TopicState } from '../../ports/offset-counter.ts'

/** Keeps the counters in memory. */
export function createMemoryOffsetCounter (now: () => number = Date.now): OffsetCounter {
  const topics = new Map<string, TopicState>()
  const none: TopicState = { currentOffset: 0, earliest: 1 }

  return {
    async reserve (topic, count, options) {
      const before = topics.get(topic) ?? none
      const last = before.currentOffset + count
      topics.set(topic, { ...before, currentOffset: last, writerReservedAtMs: options.now })
      return { first: before.currentOffset + 1, last, reservedAtMs: now() }
    },

    async read (topic) {
      return topics.get(topic)
    },

    async correctReservedAt (topic, { currentOffset, reservedAtMs }) {
      const before = topics.get(topic)
      if (before?.currentOffset !== currentOffset || (before.writerReservedAtMs ?? Infinity) <= reservedAtMs) return
      topics.set(topic, { ...before, writerReservedAtMs: reservedAtMs })
    },

    async raiseEarliest (topic, to) {
      const before = topics.get(topic) ?? none
      if (to > before.earliest) topics.set(topic, { ...before, earliest: to })
    },

    async markDeleted (topic, currentOffset) {
      const before = topics.get(topic) ?? none
      topics.set(topic, { ...before, deletedAtOffset: currentOffset })
    },

    async check () {}
  }
}
