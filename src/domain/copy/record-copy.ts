import { LRUCache } from 'lru-cache'
import type { StoredRecord } from '../../ports/copy-store.ts'
import type { Fact, TopicItem } from '../../ports/topic-store.ts'
import { isKnownToStand } from '../log/log.ts'
import { cutProducer, decodeProducer, encodeProducer } from '../producers/record.ts'
import { earliestOf } from '../topics/state.ts'
import { CopyError, isNotAlone, type CopyContext } from './context.ts'

/** Items of topics that are remembered. */
const ITEMS_MAX = 1_000

/**
 * Copies the records of producers outside their topics' items, and of idempotency keys. They are read after all items were, and
 * so may tell of appends that are not in the copy (log §8.3).
 */
export class RecordCopy {
  readonly #context: CopyContext
  readonly #items = new LRUCache<string, { readonly item: TopicItem | undefined }>({ max: ITEMS_MAX })

  constructor (context: CopyContext) {
    this.#context = context
  }

  /** @throws StoreError, CopyError */
  async copy (stored: StoredRecord): Promise<void> {
    const { calls, counts, dryRun, target } = this.#context
    if (dryRun) {
      counts.records++
      return
    }
    const { name, expiresAtMs } = stored
    const record = await this.#recordFor(stored)
    if (record === undefined) return
    const replaced = await calls.make('write', 'the target', (signal) => (
      target.records.replace(name, record, null, { expiresAtMs, signal })))
    if (replaced !== 'replaced' && (replaced?.last !== record.last || replaced.text !== record.text)) {
      throw isNotAlone(`a record of topic ${name.topic}`)
    }
    counts.records++
  }

  /** What the record is in the copy; `undefined`: there is none. */
  async #recordFor ({ name: { kind, topic, id }, record }: StoredRecord): Promise<Fact | undefined> {
    const item = await this.#itemOf(topic)
    if (item === undefined) return undefined
    if (record.last > item.currentOffset) await this.#refuseNewLife(topic, item)
    if (kind === 'key') return await this.#stands(topic, item, record) ? record : undefined
    if (record.last <= item.currentOffset) return record
    // A record inside the item overrules the one outside.
    if (item.producers.has(id)) return undefined
    const cut = cutProducer(decodeProducer(record), item.currentOffset)
    return { last: item.currentOffset, text: encodeProducer(cut) }
  }

  /** Whether the range of a key is in the copy, or will be found void there. */
  async #stands (topic: string, item: TopicItem, record: Fact): Promise<boolean> {
    if (record.last > item.currentOffset) return false
    if (record.last < earliestOf(item) || !isKnownToStand(record)) return true
    const { calls, target } = this.#context
    const { entries } = await calls.make('list', 'the target', (signal) => target.segments.list(topic, record.last, 1, { signal }))
    return entries[0]?.lastOffset === record.last
  }

  /** A record of a topic's next life says nothing of the life that was copied. */
  async #refuseNewLife (topic: string, { deletedAtOffset = 0 }: TopicItem): Promise<void> {
    const { calls, source } = this.#context
    const now = await calls.make('read', 'the source', (signal) => source.topics.read(topic, { signal }))
    if ((now?.deletedAtOffset ?? 0) <= deletedAtOffset) return
    throw new CopyError(`topic ${topic} was deleted and written to again while it was copied: run the copy again`)
  }

  async #itemOf (topic: string): Promise<TopicItem | undefined> {
    const known = this.#items.get(topic)
    if (known !== undefined) return known.item
    const { calls, target } = this.#context
    const item = await calls.make('read', 'the target', (signal) => target.topics.read(topic, { signal }))
    this.#items.set(topic, { item })
    return item
  }
}
