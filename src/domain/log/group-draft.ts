import type { Belief, Fact, TopicItem, Wanted } from '../../ports/topic-store.ts'
import { LogError } from '../errors.ts'
import { decodeProducer, encodeProducer, type AppendRange, type ProducerRecord } from '../producers/record.ts'
import { closedOf, closingOf, counts, endOf, existsTopic } from '../topics/state.ts'
import type { TopicBelief } from './belief.ts'
import { GroupProducers } from './group-producers.ts'
import { decodeClosing, decodeOrder, encodeClosing, encodeOrder, type RangeOf } from './facts.ts'
import type { OpenRange, PendingAppend } from './conditions.ts'
import { notFound, offsetMismatch, outOfOrder, producerFenced, producerGap, seqOld, topicClosed } from './refusals.ts'

/** The most producers, and the most keys, in one update (FACTS_MAX). */
export const FACTS_MAX = 64

/** The update that a group makes to its topic's item, and the producers' records that the update stores. */
export interface GroupUpdate {
  readonly wanted: Wanted
  readonly belief: Belief
  readonly records: ReadonlyMap<string, ProducerRecord>
}

/** The reason why an append can't be judged yet. */
export type Need =
  /** The item must be read: the one that is known may be outdated. */
  | { readonly kind: 'item' }
  /** A range must be resolved (log §6.3). */
  | { readonly kind: 'range', readonly range: OpenRange }
  /** The producer may have been moved out of the item (log §6.5). */
  | { readonly kind: 'outside', readonly id: string }
  /** The key's record must be read (log §6.6). */
  | { readonly kind: 'key' }
  /** The append with the seq before it is missing, and may be on its way (GAP_WAIT). */
  | { readonly kind: 'predecessor', readonly refusal: LogError }
  /** Another copy of the append is in the group. */
  | { readonly kind: 'copy', readonly of: PendingAppend }

export type Judgement =
  | { readonly kind: 'accepted' }
  /** The append must go into a later group. */
  | { readonly kind: 'later' }
  | { readonly kind: 'waits', readonly need: Need }
  /** An earlier copy of the append is stored at these offsets. */
  | { readonly kind: 'repeat', readonly range: AppendRange, readonly writer?: string }
  /** The append has no messages, and the topic is closed already. */
  | { readonly kind: 'closed', readonly end: number }
  | { readonly kind: 'refused', readonly error: LogError }

const ACCEPTED: Judgement = { kind: 'accepted' }
const LATER: Judgement = { kind: 'later' }

export interface DraftOptions {
  /** Whether a topic is created by its first message. */
  readonly createsTopics: boolean
  /**
   * Called each time the append could be accepted. Sets `paid` once it has taken the append from the topic's rate.
   * @throws LogError if the topic's config does not allow the append
   */
  readonly checkConfig?: (append: PendingAppend, config: string | undefined) => void
}

/**
 * The appends that share one update and one put. Each append is judged against the believed item as the appends before it in
 * the group will change it (log §6.9).
 */
export class GroupDraft {
  readonly accepted: PendingAppend[] = []
  /** How many messages the group has. */
  count = 0
  readonly #belief: TopicBelief
  /** The item believed when the draft began. The appends are judged by it, and the update is conditional on it. */
  readonly #item: TopicItem | undefined
  readonly #known: boolean
  readonly #options: DraftOptions
  readonly #producers: GroupProducers
  readonly #keys = new Map<string, PendingAppend>()
  #ended = false
  #closes = false
  #expectedLast: number | undefined
  #order: { readonly before: string | undefined, readonly value: string } | undefined

  constructor (belief: TopicBelief, options: DraftOptions) {
    this.#belief = belief
    this.#item = belief.item
    this.#known = belief.known
    this.#options = options
    this.#producers = new GroupProducers(belief)
  }

  get closes (): boolean { return this.#closes }

  get hasFacts (): boolean {
    return this.#producers.size > 0 || this.#keys.size > 0 || this.#order !== undefined || this.#closes || this.#expectedLast !== undefined
  }

  /** How many producers come into the item with this group. */
  get incoming (): number { return this.#producers.incoming }

  hasProducer (id: string): boolean {
    return this.#producers.has(id)
  }

  /** How many appends have a key. */
  get keys (): number { return this.#keys.size }

  /** Judges the append, and takes it into the group if it is accepted. */
  add (append: PendingAppend): Judgement {
    const { conditions, messages } = append
    const alone = messages.length === 0
    if (this.#ended || (this.accepted.length > 0 && (conditions.expectedOffset !== undefined || alone))) return LATER
    const judgement = this.#judgeExistence(append, alone) ?? this.#judgeIdentity(append) ?? this.#judgeClosed(append, alone) ??
      this.#judgeSequence(append) ?? this.#judgeExpected(append) ?? this.#judgeOrder(append) ?? this.#judgeConfig(append)
    if (judgement !== undefined) return judgement
    this.#take(append)
    return ACCEPTED
  }

  #take (append: PendingAppend): void {
    const { producer, key, close, order } = append.conditions
    this.accepted.push(append)
    this.count += append.messages.length
    if (producer !== undefined) this.#producers.add(append, producer, this.count)
    if (key !== undefined) this.#keys.set(key, append)
    if (append.conditions.expectedOffset !== undefined) this.#expectedLast = this.#wantedLast(append)
    // The record of a close without messages tells the topic's end, which must then be the one that was seen.
    if (producer !== undefined && this.count === 0) this.#expectedLast ??= this.#item?.currentOffset ?? 0
    if (order !== undefined) this.#order = { before: this.#standingOrder(), value: order }
    if (close === true) this.#closes = this.#ended = true
  }

  /** A final answer needs an item that was read after the append arrived. If the item is older, it is read first. */
  #certainly (append: PendingAppend, judgement: Judgement): Judgement {
    return this.#belief.isNewerThan(append.arrived) ? judgement : { kind: 'waits', need: { kind: 'item' } }
  }

  #refuse (append: PendingAppend, error: LogError): Judgement {
    return this.#certainly(append, { kind: 'refused', error })
  }

  #judgeExistence (append: PendingAppend, alone: boolean): Judgement | undefined {
    if (this.#options.createsTopics && !alone) return undefined
    if (alone && !this.#known) return { kind: 'waits', need: { kind: 'item' } }
    if (!this.#known || existsTopic(this.#item)) return undefined
    return this.#refuse(append, notFound())
  }

  /** A repeat is recognized before anything is judged that may have changed since the first copy. */
  #judgeIdentity (append: PendingAppend): Judgement | undefined {
    const { producer, key } = append.conditions
    if (key !== undefined) {
      const copy = this.#keys.get(key)
      if (copy !== undefined) return { kind: 'waits', need: { kind: 'copy', of: copy } }
      if (this.#keys.size >= FACTS_MAX) return LATER
      return append.keySeen === undefined ? { kind: 'waits', need: { kind: 'key' } } : undefined
    }
    if (producer === undefined) return undefined
    const verdict = this.#producers.judge(producer)
    switch (verdict.kind) {
      case 'unknown': return { kind: 'waits', need: verdict.read === 'item' ? { kind: 'item' } : { kind: 'outside', id: producer.id } }
      case 'copy': return { kind: 'waits', need: verdict }
      case 'later': return LATER
      case 'fenced': return this.#refuse(append, producerFenced(verdict.epoch))
      case 'old': return this.#refuse(append, seqOld(producer.seq))
      case 'repeat': return this.#certainly(append, verdict)
      case 'unresolved': {
        const { record, version } = this.#producers.known(producer)
        return waitsForRange(record!, version!)
      }
      case 'accepted': return this.#producers.size >= FACTS_MAX && !this.#producers.has(producer.id) ? LATER : undefined
      case 'gap': return undefined // judged later: `topic_closed` has precedence
    }
  }

  #judgeSequence ({ conditions: { producer } }: PendingAppend): Judgement | undefined {
    const verdict = producer === undefined ? undefined : this.#producers.judge(producer)
    if (producer === undefined || verdict?.kind !== 'gap') return undefined
    return { kind: 'waits', need: { kind: 'predecessor', refusal: producerGap(verdict.expectedSeq, producer.seq) } }
  }

  #judgeClosed (append: PendingAppend, alone: boolean): Judgement | undefined {
    const item = this.#item
    const closing = closingOf(item)
    const outcome = closing === undefined ? undefined : this.#belief.outcomeOf(closing.last)
    if (closing !== undefined && outcome === undefined) return waitsForRange(decodeClosing(closing.text), closing.last)
    const closed = closedOf(item) ?? (outcome === 'void' ? undefined : closing?.last)
    if (closed === undefined) return undefined
    const end = closed + 1
    const { expectedOffset = end } = append.conditions
    if (alone && expectedOffset === end) return this.#certainly(append, { kind: 'closed', end })
    return this.#refuse(append, topicClosed(closed))
  }

  #judgeExpected (append: PendingAppend): Judgement | undefined {
    const expected = append.conditions.expectedOffset
    if (expected === undefined || !this.#known || this.#wantedLast(append) === (this.#item?.currentOffset ?? 0)) return undefined
    return this.#refuse(append, offsetMismatch(endOf(this.#item), expected))
  }

  /** The current offset that the item must have for an append with an expected offset. */
  #wantedLast ({ conditions: { expectedOffset, producer }, expectedLast }: PendingAppend): number {
    if (expectedLast !== undefined) return expectedLast
    const fact = producer === undefined ? undefined : this.#item?.producers.get(producer.id)
    if (fact !== undefined && this.#belief.outcomeOf(fact.last) === 'void' && fact.last === this.#item?.currentOffset) {
      // The void range of an earlier copy began at the expected offset, and nobody has reserved since.
      if (fact.last - decodeProducer(fact).count + 1 === expectedOffset) return fact.last
    }
    return expectedOffset! - 1
  }

  #judgeOrder (append: PendingAppend): Judgement | undefined {
    const { order } = append.conditions
    if (order === undefined) return undefined
    if (this.#order !== undefined) return LATER
    const fact = this.#orderFact()
    if (fact !== undefined && this.#belief.outcomeOf(fact.last) === undefined) {
      const { range } = decodeOrder(fact.text)
      if (range !== undefined) return waitsForRange(range, fact.last)
    }
    const standing = this.#standingOrder()
    if (standing === undefined || Buffer.compare(Buffer.from(order), Buffer.from(standing)) > 0) return undefined
    return this.#refuse(append, outOfOrder(standing, order))
  }

  #orderFact (): Fact | undefined {
    const item = this.#item
    return item?.order !== undefined && counts(item, item.order.last) ? item.order : undefined
  }

  #standingOrder (): string | undefined {
    const fact = this.#orderFact()
    if (fact === undefined) return undefined
    const { before, value, range } = decodeOrder(fact.text)
    return range !== undefined && this.#belief.outcomeOf(fact.last) === 'void' ? before : value
  }

  #judgeConfig (append: PendingAppend): Judgement | undefined {
    try {
      this.#options.checkConfig?.(append, this.#item?.config)
    } catch (error) {
      if (error instanceof LogError) return this.#refuse(append, error)
      throw error
    }
    return undefined
  }

  /**
   * The update for the group.
   * @param timeS the store's time, seconds
   * @param movedOut versions of the producers that leave the item, by id
   */
  update (writer: string, timeS: number, movedOut: ReadonlyMap<string, number> = new Map()): GroupUpdate {
    const item = this.#item
    const { count } = this
    const records = this.#producers.records(count, writer, timeS)
    const versions = new Map<string, number | null>([...this.#producers.versions(), ...movedOut])
    return {
      wanted: {
        count,
        ...records.size > 0 && { producers: new Map([...records].map(([id, record]) => [id, encodeProducer(record)])) },
        ...this.#order !== undefined && { order: encodeOrder({ ...this.#order, range: { count, writer, timeS } }) },
        ...this.#closes && count > 0 && { closing: encodeClosing({ count, writer, timeS }) },
        ...movedOut.size > 0 && { movedOut: [...movedOut.keys()] }
      },
      belief: {
        closed: item?.closed ?? null,
        closing: item?.closing?.last ?? null,
        config: item?.config ?? null,
        ...(!this.#options.createsTopics || count === 0) && { exists: true },
        ...versions.size > 0 && { producers: versions },
        ...this.#producers.incoming > 0 && { moves: item?.moves ?? 0 },
        ...this.#order !== undefined && { order: item?.order?.last ?? null },
        ...this.#expectedLast !== undefined && { currentOffset: this.#expectedLast }
      },
      records
    }
  }
}

function waitsForRange ({ count, writer, timeS }: RangeOf, last: number): Judgement {
  return { kind: 'waits', need: { kind: 'range', range: { first: last - count + 1, last, writer, timeS } } }
}
