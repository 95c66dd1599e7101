import type { Fact, TopicItem } from '../../ports/topic-store.ts'
import { judgeProducer, type ProducerAppend, type Verdict } from '../producers/judge.ts'
import { decodeProducer, PRODUCER_WINDOW, resolveProducer, type ProducerRecord } from '../producers/record.ts'
import { counts } from '../topics/state.ts'
import type { TopicBelief } from './belief.ts'
import type { PendingAppend } from './conditions.ts'

/** The state of a producer before the group, as believed. */
interface Known {
  /** Has an open range if the outcome of its newest range is not known. `undefined` if there is none in this life of the topic. */
  readonly record: ProducerRecord | undefined
  /** The version of the producer's fact in the item; `null` if the item has none. */
  readonly version: number | null
}

/** The read without which the state of a producer is not known. */
interface Unknown {
  readonly read: 'item' | 'outside'
}

/** A producer in the group. */
interface Draft {
  /** The producer's record before the group; `undefined` if it is of an older epoch, or there is none. */
  readonly record: ProducerRecord | undefined
  readonly epoch: number
  readonly version: number | null
  /** The producer's appends in the group. `upTo`: how many messages the group has up to the end of the append. */
  readonly added: Array<{ readonly append: PendingAppend, readonly upTo: number }>
}

export type ProducerVerdict =
  | Verdict
  | { readonly kind: 'unknown', readonly read: 'item' | 'outside' }
  /** Another copy of the append is in the group. */
  | { readonly kind: 'copy', readonly of: PendingAppend }
  | { readonly kind: 'later' }

/** The producers that share one update (log §6.4). */
export class GroupProducers {
  readonly #belief: TopicBelief
  readonly #item: TopicItem | undefined
  readonly #isItemKnown: boolean
  readonly #drafts = new Map<string, Draft>()
  #lastKnown: { readonly id: string, readonly known: Known | Unknown } | undefined

  constructor (belief: TopicBelief) {
    this.#belief = belief
    this.#item = belief.item
    this.#isItemKnown = belief.known
  }

  get size (): number { return this.#drafts.size }

  /** How many producers come into the item with this group. */
  get incoming (): number {
    let count = 0
    for (const { version } of this.#drafts.values()) if (version === null) count++
    return count
  }

  has (id: string): boolean {
    return this.#drafts.has(id)
  }

  judge (producer: ProducerAppend): ProducerVerdict {
    const draft = this.#drafts.get(producer.id)
    if (draft !== undefined) return judgeBeside(producer, draft)
    const known = this.#knownOf(producer)
    return 'read' in known ? { kind: 'unknown', read: known.read } : judgeProducer(known.record, producer)
  }

  /** The record and the version of a producer whose append was judged. */
  known (producer: ProducerAppend): Known {
    const known = this.#knownOf(producer)
    if ('read' in known) throw new Error('judged without its record')
    return known
  }

  /** @param upTo how many messages the group has up to the end of the append */
  add (append: PendingAppend, producer: ProducerAppend, upTo: number): void {
    let draft = this.#drafts.get(producer.id)
    if (draft === undefined) {
      const { record, version } = this.known(producer)
      draft = { record: record?.epoch === producer.epoch ? record : undefined, epoch: producer.epoch, version, added: [] }
      this.#drafts.set(producer.id, draft)
    }
    draft.added.push({ append, upTo })
  }

  /** The records that the group's update stores, by id. @param count how many messages the group has */
  records (count: number, writer: string, timeS: number): Map<string, ProducerRecord> {
    const records = new Map<string, ProducerRecord>()
    for (const [id, { record, epoch, added }] of this.#drafts) {
      const riding = added.map(({ append, upTo }) => ({ back: count - upTo, count: append.messages.length }))
      const after = { epoch, base: record?.base ?? -1, timeS, writer, count, standing: record?.standing ?? [], riding }
      // Without messages, there is no range that could be void.
      records.set(id, count > 0 ? after : resolveProducer(after, this.#item?.currentOffset ?? 0, 'stands'))
    }
    return records
  }

  /** The versions on which the update is conditional, by id. */
  versions (): Map<string, number | null> {
    return new Map([...this.#drafts].map(([id, { version }]) => [id, version]))
  }

  #knownOf (producer: ProducerAppend): Known | Unknown {
    if (this.#lastKnown?.id !== producer.id) this.#lastKnown = { id: producer.id, known: this.#look(producer) }
    return this.#lastKnown.known
  }

  /** For a fact of an earlier life of the topic, only the version counts. */
  #look ({ id, seq }: ProducerAppend): Known | Unknown {
    const item = this.#item
    const fact = item?.producers.get(id)
    if (item !== undefined && fact !== undefined) {
      return { record: counts(item, fact.last) ? this.#resolvedRecord(fact) : undefined, version: fact.last }
    }
    // Seq 0 most often comes from a new producer. If not, the update is refused.
    if (!this.#isItemKnown && seq > 0) return { read: 'item' }
    if (item === undefined || item.moves === 0) return { record: undefined, version: null }
    const outside = this.#belief.outside(id, item.moves)
    if (outside === undefined) return { read: 'outside' }
    const { fact: moved } = outside
    return { record: moved !== undefined && counts(item, moved.last) ? decodeProducer(moved) : undefined, version: null }
  }

  #resolvedRecord (fact: Fact): ProducerRecord {
    const record = decodeProducer(fact)
    const outcome = record.riding.length === 0 ? undefined : this.#belief.outcomeOf(fact.last)
    return outcome === undefined ? record : resolveProducer(record, fact.last, outcome)
  }
}

/** Judges an append whose producer has others in the group. */
function judgeBeside ({ epoch, seq }: ProducerAppend, { record, epoch: drafted, added }: Draft): ProducerVerdict {
  if (epoch !== drafted) return { kind: 'later' }
  const base = record?.base ?? -1
  const copy = added[seq - base - 1]
  if (copy !== undefined) return { kind: 'copy', of: copy.append }
  if (seq <= base || added.length >= PRODUCER_WINDOW) return { kind: 'later' }
  const expectedSeq = base + added.length + 1
  return seq === expectedSeq ? { kind: 'accepted' } : { kind: 'gap', expectedSeq }
}
