import { applyReservation, isDeleted, type Fact, type TopicItem, type TopicStore } from '../../ports/topic-store.ts'

/** Keeps the topics' items in memory. */
export function createMemoryTopicStore (now: () => number = Date.now): TopicStore {
  const items = new Map<string, TopicItem>()
  const refused = (topic: string): { kind: 'refused', item: TopicItem | undefined } => ({ kind: 'refused', item: items.get(topic) })
  const changed = (topic: string, item: TopicItem): { kind: 'changed', item: TopicItem } => {
    items.set(topic, item)
    return { kind: 'changed', item }
  }

  return {
    async read (topic) {
      return items.get(topic)
    },

    async reserve (topic, wanted, belief, options) {
      const item = applyReservation(items.get(topic), wanted, belief, options.now)
      if (item === undefined) return refused(topic)
      items.set(topic, item)
      const last = item.currentOffset
      return { kind: 'reserved', first: last - wanted.count + 1, last, reservedAtMs: now(), item }
    },

    async markClosed (topic, closing) {
      const before = items.get(topic)
      if (before?.closing?.last === closing) items.set(topic, { ...before, closed: closing, closing: undefined })
    },

    async raiseEarliest (topic, to, resolved) {
      const before = items.get(topic)
      if (before === undefined) return refused(topic)
      const producers = new Map(before.producers)
      for (const [id, fact] of resolved.producers ?? []) {
        if (producers.get(id)?.last !== fact.last) return refused(topic)
        producers.set(id, fact)
      }
      const { closing, order } = resolved
      if (order !== undefined && before.order?.last !== order.last) return refused(topic)
      if (closing !== undefined && before.closing?.last !== closing.last) return refused(topic)
      return changed(topic, {
        ...before,
        earliest: Math.max(before.earliest, to),
        producers,
        order: order ?? before.order,
        closing: closing === undefined ? before.closing : undefined,
        closed: closing?.stands === true ? closing.last : before.closed
      })
    },

    async markDeleted (topic, currentOffset) {
      const before = items.get(topic)
      if (before?.currentOffset !== currentOffset || isDeleted(before)) return refused(topic)
      const { moves, reservedAtMs } = before
      return changed(topic, {
        currentOffset, reservedAtMs, earliest: currentOffset + 1, deletedAtOffset: currentOffset, moves, producers: new Map<string, Fact>()
      })
    },

    async configure (topic, config, seen, options) {
      const before = items.get(topic)
      const text = config ?? undefined
      if (before === undefined) {
        if (seen !== undefined) return refused(topic)
        return changed(topic, { currentOffset: 0, createdAtMs: options.now, earliest: 1, moves: 0, producers: new Map(), config: text })
      }
      if (seen === undefined || isDeleted(before) !== isDeleted(seen)) return refused(topic)
      if (!isDeleted(before)) {
        return before.config === seen.config ? changed(topic, { ...before, config: text }) : refused(topic)
      }
      if (before.currentOffset !== seen.currentOffset) return refused(topic)
      const currentOffset = before.currentOffset + 1
      return changed(topic, { ...before, currentOffset, createdAtMs: options.now, earliest: currentOffset + 1, config: text })
    },

    async noteSwept (topic, swept) {
      const before = items.get(topic)
      if (before !== undefined) items.set(topic, { ...before, swept })
    },

    async correctReservedAt (topic, { currentOffset, reservedAtMs }) {
      const before = items.get(topic)
      if (before?.currentOffset !== currentOffset || (before.reservedAtMs ?? Infinity) <= reservedAtMs) return
      items.set(topic, { ...before, reservedAtMs })
    },

    async list (after, limit) {
      const topics = [...items.keys()].filter((topic) => topic > after && !isDeleted(items.get(topic)!)).sort()
      return { topics: topics.slice(0, limit), truncated: topics.length > limit }
    },

    async check () {}
  }
}
