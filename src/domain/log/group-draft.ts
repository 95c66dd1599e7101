import type { Belief, Fact, TopicItem, Wanted } from '../../ports/topic-store.ts'
import { LogError } from '../errors.ts'
import { judgeProducer, type ProducerAppend } from '../producers/judge.ts'
import { decodeProducer, encodeProducer, PRODUCER_WINDOW, resolveProducer, type AppendRange, type ProducerRecord, type Rider } from '../producers/record.ts'
import { closedOf, closingOf, counts, endOf, existsTopic } from '../topics/state.ts'
import type { TopicBelief } from './belief.ts'
import { decodeClosing, decodeOrder, encodeClosing, encodeOrder } from './facts.ts'
import type { OpenRange, PendingAppend } from './conditions.ts'

/** The most producers in one update (FACTS_MAX). */
export const FACTS_MAX = 64

/** What an append is waiting for before it can be judged. */
export type Need =
  /** The item must be read: what would be told may have become untrue. */
  | { readonly kind: 'item' }
  /** A range must be resolved (log §6.3). */
  | { readonly kind: 'range', readonly range: OpenRange }
  /** The producer may have been moved out of the item (log §6.5). */
  | { readonly kind: 'outside', readonly id: string }
  /** The key's record must be read (log §6.6). */
  | { readonly kind: 'key' }
  /** The seq before it is probably on its way (GAP_WAIT). */
  | { readonly kind: 'predecessor', readonly refusal: LogError }
  /** Another copy of it is in the group. */
  | { readonly kind: 'copy', readonly of: PendingAppend }

export type Judgement =
  | { readonly kind: 'accepted' }
  /** It belongs to a later group. */
  | { readonly kind: 'later' }
  | { readonly kind: 'waits', readonly need: Need }
  /** It stands already, at these offsets. */
  | { readonly kind: 'repeat', readonly range: AppendRange, readonly writer?: string }
  /** It closes a topic that is closed already. */
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

/** A producer in the group. */
interface ProducerDraft {
  /** What stands; `undefined`: none, or of a lower epoch. */
  readonly record: ProducerRecord | undefined
  readonly epoch: number
  /** In the item; `null`: not inside. */
  readonly version: number | null
  /** Each with the number of messages in the group up to and with it. */
  readonly added: Array<{ readonly append: PendingAppend, readonly upTo: number }>
}

/**
 * The appends that share one update and one put. Each is judged against the item as the process believes it to be, with what
 * those before it will have changed (log §6.9).
 */
export class GroupDraft {
  readonly accepted: PendingAppend[] = []
  /** Messages of the group. */
  count = 0
  readonly #belief: TopicBelief
  /** As believed when the draft began: the update is conditional on what the appends were judged by. */
  readonly #item: TopicItem | undefined
  readonly #known: boolean
  readonly #options: DraftOptions
  readonly #producers = new Map<string, ProducerDraft>()
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
  }

  get closes (): boolean { return this.#closes }

  get hasFacts (): boolean {
    return this.#producers.size > 0 || this.#keys.size > 0 || this.#order !== undefined || this.#closes || this.#expectedLast !== undefined
  }

  /** The ids of producers that come into the item with this group. */
  get incoming (): string[] {
    return [...this.#producers].filter(([, { version }]) => version === null).map(([id]) => id)
  }

  hasProducer (id: string): boolean {
    return this.#producers.has(id)
  }

  /** The keys in the group. */
  get keyed (): PendingAppend[] {
    return [...this.#keys.values()]
  }

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
    if (producer !== undefined) this.#draftOf(producer).added.push({ append, upTo: this.count })
    if (key !== undefined) this.#keys.set(key, append)
    if (append.conditions.expectedOffset !== undefined) this.#expectedLast = this.#wantedLast(append)
    if (order !== undefined) this.#order = { before: this.#standingOrder(), value: order }
    if (close === true) this.#closes = this.#ended = true
  }

  /** What is told for good must come from an item that was read after the append arrived. */
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
    return this.#refuse(append, new LogError('topic_not_found', 'The topic does not exist. Create it with PUT /topics/{topic}.', { written: 'no' }))
  }

  /** Repeats come before everything that may have changed since the first copy. */
  #judgeIdentity (append: PendingAppend): Judgement | undefined {
    const { producer, key } = append.conditions
    if (key !== undefined) {
      const copy = this.#keys.get(key)
      if (copy !== undefined) return { kind: 'waits', need: { kind: 'copy', of: copy } }
      if (this.#keys.size >= FACTS_MAX) return LATER
      return append.keySeen === undefined ? { kind: 'waits', need: { kind: 'key' } } : undefined
    }
    if (producer === undefined) return undefined
    const drafted = this.#producers.get(producer.id)
    if (drafted !== undefined) return judgeBeside(producer, drafted)
    const known = this.#recordOf(producer)
    if ('need' in known) return { kind: 'waits', need: known.need }
    const verdict = judgeProducer(known.record, producer)
    switch (verdict.kind) {
      case 'fenced': return this.#refuse(append, fenced(verdict.epoch))
      case 'old': return this.#refuse(append, seqOld(producer.seq))
      case 'repeat': return this.#certainly(append, verdict)
      case 'unresolved': return { kind: 'waits', need: { kind: 'range', range: openRange(known.record!, known.version!) } }
      default: return this.#producers.size >= FACTS_MAX ? LATER : undefined
    }
  }

  #judgeSequence (append: PendingAppend): Judgement | undefined {
    const { producer } = append.conditions
    if (producer === undefined) return undefined
    const drafted = this.#producers.get(producer.id)
    const base = drafted === undefined ? this.#baseOf(producer) : (drafted.record?.base ?? -1) + drafted.added.length
    return producer.seq === base + 1 ? undefined : { kind: 'waits', need: { kind: 'predecessor', refusal: gap(base + 1, producer.seq) } }
  }

  /** The seq that stands below the producer's append, in its epoch. */
  #baseOf (producer: ProducerAppend): number {
    const known = this.#recordOf(producer)
    return 'record' in known && known.record?.epoch === producer.epoch ? known.record.base : -1
  }

  #judgeClosed (append: PendingAppend, alone: boolean): Judgement | undefined {
    const item = this.#item
    const closing = closingOf(item)
    const outcome = closing === undefined ? undefined : this.#belief.outcomeOf(closing.last)
    if (closing !== undefined && outcome === undefined) return { kind: 'waits', need: { kind: 'range', range: openRange(decodeClosing(closing.text), closing.last) } }
    const closed = closedOf(item) ?? (outcome === 'void' ? undefined : closing?.last)
    if (closed === undefined) return undefined
    const end = closed + 1
    const { expectedOffset = end } = append.conditions
    if (alone && expectedOffset === end) return this.#certainly(append, { kind: 'closed', end })
    return this.#refuse(append, new LogError('topic_closed', `The topic is closed: its last offset is ${closed}.`, { end, written: 'no' }))
  }

  #judgeExpected (append: PendingAppend): Judgement | undefined {
    const expected = append.conditions.expectedOffset
    if (expected === undefined || !this.#known || this.#wantedLast(append) === (this.#item?.currentOffset ?? 0)) return undefined
    const end = endOf(this.#item)
    return this.#refuse(append, new LogError('offset_mismatch', `expected_offset: expected ${end}, the end of the topic, got ${expected}`, { end, written: 'no' }))
  }

  /** The current offset at which an append with an expected offset may be reserved. */
  #wantedLast ({ conditions: { expectedOffset, producer }, expectedLast }: PendingAppend): number {
    if (expectedLast !== undefined) return expectedLast
    const fact = producer === undefined ? undefined : this.#item?.producers.get(producer.id)
    if (fact !== undefined && this.#belief.outcomeOf(fact.last) === 'void' && fact.last === this.#item?.currentOffset) {
      // The void range of an earlier copy began at the expected offset, and nobody has reserved since.
      if (fact.last - decodeProducer(fact.text).count + 1 === expectedOffset) return fact.last
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
      if (range !== undefined) return { kind: 'waits', need: { kind: 'range', range: openRange(range, fact.last) } }
    }
    const standing = this.#standingOrder()
    if (standing === undefined || Buffer.compare(Buffer.from(order), Buffer.from(standing)) > 0) return undefined
    return this.#refuse(append, new LogError('out_of_order', `order: expected a string above ${JSON.stringify(standing)}, got ${JSON.stringify(order)}`, { order: standing, written: 'no' }))
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

  /** What stands of a producer, or what must be known first. A fact of an earlier life keeps its version and has no record. */
  #recordOf ({ id, seq }: ProducerAppend): { record: ProducerRecord | undefined, version: number | null } | { need: Need } {
    const item = this.#item
    const fact = item?.producers.get(id)
    if (item !== undefined && fact !== undefined) {
      return { record: counts(item, fact.last) ? this.#resolvedRecord(fact) : undefined, version: fact.last }
    }
    // A first seq is most often a new producer's: the update's condition finds out.
    if (!this.#known && seq > 0) return { need: { kind: 'item' } }
    if (item === undefined || item.moves === 0) return { record: undefined, version: null }
    const outside = this.#belief.outside(id, item.moves)
    if (outside === undefined) return { need: { kind: 'outside', id } }
    const { fact: moved } = outside
    return { record: moved !== undefined && counts(item, moved.last) ? decodeProducer(moved.text) : undefined, version: null }
  }

  #resolvedRecord (fact: Fact): ProducerRecord {
    const record = decodeProducer(fact.text)
    const outcome = record.riding.length === 0 ? undefined : this.#belief.outcomeOf(fact.last)
    return outcome === undefined ? record : resolveProducer(record, fact.last, outcome)
  }

  #draftOf (producer: ProducerAppend): ProducerDraft {
    const existing = this.#producers.get(producer.id)
    if (existing !== undefined) return existing
    const known = this.#recordOf(producer)
    if ('need' in known) throw new Error('accepted without its record')
    const record = known.record?.epoch === producer.epoch ? known.record : undefined
    const draft: ProducerDraft = { record, epoch: producer.epoch, version: known.version, added: [] }
    this.#producers.set(producer.id, draft)
    return draft
  }

  /**
   * The update for the group.
   * @param timeS the store's time as last heard, in seconds
   * @param movedOut producers that were put outside, with their versions
   */
  update (writer: string, timeS: number, movedOut: ReadonlyMap<string, number> = new Map()): { wanted: Wanted, belief: Belief } {
    const item = this.#item
    const { count } = this
    const versions = new Map<string, number | null>(movedOut)
    const texts = new Map<string, string>()
    let comesIn = false
    for (const [id, draft] of this.#producers) {
      versions.set(id, draft.version)
      comesIn ||= draft.version === null
      texts.set(id, encodeProducer(this.#recordAfter(draft, item, writer, timeS)))
    }
    return {
      wanted: {
        count,
        ...texts.size > 0 && { producers: texts },
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
        ...comesIn && { moves: item?.moves ?? 0 },
        ...this.#order !== undefined && { order: item?.order?.last ?? null },
        ...this.#expectedLast !== undefined && { currentOffset: this.#expectedLast }
      }
    }
  }

  #recordAfter ({ record, epoch, added }: ProducerDraft, item: TopicItem | undefined, writer: string, timeS: number): ProducerRecord {
    const { count } = this
    const riding: Rider[] = added.map(({ append, upTo }) => ({ back: count - upTo, count: append.messages.length }))
    const before = { epoch, base: record?.base ?? -1, timeS, writer, count, standing: record?.standing ?? [] }
    if (count > 0) return { ...before, riding }
    // A close alone has no range that could be void: it holds at once.
    return resolveProducer({ ...before, riding }, item?.currentOffset ?? 0, 'stands')
  }
}

/** An append of a producer that is in the group already. */
function judgeBeside ({ epoch, seq }: ProducerAppend, { record, epoch: drafted, added }: ProducerDraft): Judgement | undefined {
  if (epoch !== drafted) return LATER
  const base = record?.base ?? -1
  const copy = added[seq - base - 1]
  if (copy !== undefined) return { kind: 'waits', need: { kind: 'copy', of: copy.append } }
  return seq <= base || added.length >= PRODUCER_WINDOW ? LATER : undefined
}

function openRange ({ count, writer, timeS }: { readonly count: number, readonly writer: string, readonly timeS: number }, last: number): OpenRange {
  return { first: last - count + 1, last, writer, timeS }
}

function fenced (epoch: number): LogError {
  return new LogError('producer_fenced', `producer.epoch: expected at least ${epoch}: another instance of this producer has begun it`, { epoch, written: 'no' })
}

function gap (expected: number, seq: number): LogError {
  return new LogError('producer_gap', `producer.seq: expected ${expected}, got ${seq}`, { expected_seq: expected, written: 'no' })
}

function seqOld (seq: number): LogError {
  return new LogError('producer_seq_old', `producer.seq: ${seq} was used before, and its outcome is not known any more`, { written: 'unknown' })
}
