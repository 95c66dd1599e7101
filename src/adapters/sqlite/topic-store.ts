import type { DatabaseSync } from 'node:sqlite'
import { LRUCache } from 'lru-cache'
import {
  applyClose, applyConfig, applyDeletion, applyReservation, applyReservationTime, applySwept, applyTrim
} from '../../ports/topic-changes.ts'
import type { Changed, Refused, TopicItem, TopicStore } from '../../ports/topic-store.ts'
import type { Journal } from './journal.ts'
import { createTopicRows } from './topic-rows.ts'

/** Of items in memory. */
const CACHE_BYTES = 16 * 1024 * 1024
/** An item without texts, and a producer of one. */
const ITEM_BYTES = 400
const PRODUCER_BYTES = 150

/** @returns `undefined` if the change is refused */
type Apply = (item: TopicItem | undefined) => TopicItem | undefined

/**
 * This process is the only one that has the file open, so items are kept in memory in front of it: a reservation only writes.
 * An item gets there when its transaction has been committed, and leaves before the next one begins.
 */
export function createSqliteTopicStore (database: DatabaseSync, journal: Journal, now: () => number): TopicStore {
  const rows = createTopicRows(database)
  const items = new LRUCache<string, TopicItem>({ maxSize: CACHE_BYTES, sizeCalculation: sizeOf })

  function load (topic: string): TopicItem | undefined {
    const known = items.get(topic)
    if (known !== undefined) return known
    const item = journal.read(() => rows.load(topic))
    if (item !== undefined) items.set(topic, item)
    return item
  }

  /**
   * Changes the item, without waiting for the disk.
   * @param use of a change to an item that is there; a new one takes space as an append does
   */
  function change (topic: string, use: 'append' | 'upkeep', apply: Apply): Changed | Refused {
    const before = load(topic)
    const after = apply(before)
    if (after === undefined) return { kind: 'refused', item: before }
    if (after !== before) {
      const changed = rows.change(topic, before, after)
      items.delete(topic)
      journal.write(before === undefined ? 'append' : use, changed.pages, () => { changed.write() })
      items.set(topic, after)
    }
    return { kind: 'changed', item: after }
  }

  /** The same, and waits until the result, and what it depends on, is on the disk. */
  async function changeDurably (topic: string, apply: Apply): Promise<Changed | Refused> {
    const done = change(topic, 'upkeep', apply)
    await journal.durable(done.kind === 'changed' ? 'unknown' : 'none')
    return done
  }

  return {
    async read (topic) {
      const item = load(topic)
      await journal.durable('none')
      return item
    },

    /**
     * Does not wait for the disk if it reserves offsets. If a power cut removes the reservation and its facts, nobody has
     * used them: a reader passes its offsets only after reading a message or a seal there, and learns of them only from
     * answers about the item. All of these wait for a flush, which also covers the reservation. So one flush per append is
     * enough, and lost offsets are reserved again.
     */
    async reserve (topic, wanted, belief) {
      const reservedAtMs = now()
      const { count } = wanted
      const done = change(topic, count === 0 ? 'upkeep' : 'append', (item) => applyReservation(item, wanted, belief, reservedAtMs))
      if (done.kind === 'refused' || count === 0) await journal.durable(done.kind === 'refused' ? 'none' : 'unknown')
      if (done.kind === 'refused') return done
      const last = done.item.currentOffset
      return { kind: 'reserved', first: last - count + 1, last, reservedAtMs, item: done.item }
    },

    async markClosed (topic, closing) {
      await changeDurably(topic, (item) => applyClose(item, closing))
    },

    async raiseEarliest (topic, to, resolved) {
      return await changeDurably(topic, (item) => applyTrim(item, to, resolved))
    },

    async markDeleted (topic, currentOffset) {
      return await changeDurably(topic, (item) => applyDeletion(item, currentOffset))
    },

    async configure (topic, config, seen) {
      return await changeDurably(topic, (item) => applyConfig(item, config, seen, now()))
    },

    async noteSwept (topic, swept) {
      await changeDurably(topic, (item) => applySwept(item, swept))
    },

    async correctReservedAt (topic, time) {
      await changeDurably(topic, (item) => applyReservationTime(item, time))
    },

    async list (after, limit) {
      const topics: string[] = []
      for (let last: string | undefined = after; last !== undefined && topics.length <= limit;) {
        const from: string = last
        const found = journal.read(() => rows.list(from))
        for (const { topic, deleted } of found) if (deleted === 0) topics.push(topic)
        last = found.at(-1)?.topic
        // Deleted topics may be many; other calls get a turn in between.
        if (last !== undefined && topics.length <= limit) await new Promise(setImmediate)
      }
      await journal.durable('none')
      return { topics: topics.slice(0, limit), truncated: topics.length > limit }
    },

    async check () {
      journal.check()
    }
  }
}

function sizeOf ({ producers, closing, order, config, swept }: TopicItem): number {
  let bytes = ITEM_BYTES + 2 * ((closing?.text.length ?? 0) + (order?.text.length ?? 0) + (config?.length ?? 0) + (swept?.length ?? 0))
  for (const [id, { text }] of producers) bytes += PRODUCER_BYTES + 2 * (id.length + text.length)
  return bytes
}
