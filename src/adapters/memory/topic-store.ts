import {
  applyClose, applyConfig, applyDeletion, applyReservation, applyReservationTime, applySwept, applyTrim
} from '../../ports/topic-changes.ts'
import { isDeleted, type Changed, type Refused, type TopicItem, type TopicStore } from '../../ports/topic-store.ts'

/** Keeps the topics' items in memory. @param items where it keeps them, by topic */
export function createMemoryTopicStore (
  now: () => number = Date.now, items = new Map<string, TopicItem>()
): TopicStore {
  /** @param after `undefined`: the change is refused */
  function change (topic: string, after: TopicItem | undefined): Changed | Refused {
    if (after === undefined) return { kind: 'refused', item: items.get(topic) }
    items.set(topic, after)
    return { kind: 'changed', item: after }
  }

  return {
    async read (topic) {
      return items.get(topic)
    },

    async reserve (topic, wanted, belief, options) {
      const done = change(topic, applyReservation(items.get(topic), wanted, belief, options.now))
      if (done.kind === 'refused') return done
      const last = done.item.currentOffset
      return { kind: 'reserved', first: last - wanted.count + 1, last, reservedAtMs: now(), item: done.item }
    },

    async markClosed (topic, closing) {
      change(topic, applyClose(items.get(topic), closing))
    },

    async raiseEarliest (topic, to, resolved) {
      return change(topic, applyTrim(items.get(topic), to, resolved))
    },

    async markDeleted (topic, currentOffset) {
      return change(topic, applyDeletion(items.get(topic), currentOffset))
    },

    async configure (topic, config, seen, options) {
      return change(topic, applyConfig(items.get(topic), config, seen, options.now))
    },

    async noteSwept (topic, swept) {
      change(topic, applySwept(items.get(topic), swept))
    },

    async correctReservedAt (topic, time) {
      change(topic, applyReservationTime(items.get(topic), time))
    },

    async list (after, limit) {
      const topics = [...items.keys()].filter((topic) => topic > after && !isDeleted(items.get(topic)!)).sort()
      return { topics: topics.slice(0, limit), truncated: topics.length > limit }
    },

    async check () {}
  }
}
