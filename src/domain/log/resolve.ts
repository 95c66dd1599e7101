import type { TopicItem } from '../../ports/topic-store.ts'
import { LogError } from '../errors.ts'
import { createOperation, type Operation } from '../operation.ts'
import { decodeProducer } from '../producers/record.ts'
import { encodeSeal } from '../segments/segment.ts'
import { closedOf, closingOf, earliestOf } from '../topics/state.ts'
import { sleep } from '../wait.ts'
import type { TopicBelief } from './belief.ts'
import type { OpenRange } from './conditions.ts'
import { decodeClosing, decodeOrder } from './facts.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

export interface ResolveOptions {
  /** Monotonic ms by which it has ended. */
  readonly deadline: number
  /** Nobody puts there any more: do not wait for the writer. */
  readonly abandoned?: boolean
  /** Whether the fact is still the one that is asked for, and open, read after the seal was seen. By default the item tells. */
  readonly isOpen?: () => Promise<boolean>
  readonly operation?: Operation
}

/** Finds out what became of ranges with facts (log §6.3), one topic's. Those that ask for the same range share the answer. */
export class RangeResolver {
  readonly #context: LogContext
  readonly #topic: string
  readonly #belief: TopicBelief
  readonly #underway = new Map<number, Promise<void>>()

  constructor (context: LogContext, topic: string, belief: TopicBelief) {
    this.#context = context
    this.#topic = topic
    this.#belief = belief
  }

  /** This process is putting there: what comes of it is everybody's answer. @returns to be called when it has ended */
  putting (last: number): () => void {
    let ended = (): void => {}
    this.#underway.set(last, new Promise((resolve) => { ended = resolve }))
    return () => {
      this.#underway.delete(last)
      ended()
    }
  }

  /**
   * The belief then has the outcome, or an item in which the fact is another one.
   * @throws StoreError, LogError if there was no answer in time, or the segment is damaged
   */
  async resolve (range: OpenRange, options: ResolveOptions): Promise<void> {
    const underway = this.#underway.get(range.last)
    if (underway !== undefined) return underway
    const resolving = this.#resolve(range, options).finally(() => { this.#underway.delete(range.last) })
    this.#underway.set(range.last, resolving)
    return resolving
  }

  async #resolve (range: OpenRange, { deadline, abandoned = false, isOpen, operation = createOperation() }: ResolveOptions): Promise<void> {
    const { clock, limits } = this.#context
    const { first, last } = range
    const storage = new TopicStorage(this.#context, this.#topic, operation, deadline)
    const since = clock.monotonic()
    for (;;) {
      const found = await storage.segment(last)
      if (found?.kind === 'messages') {
        if (found.writer !== range.writer) throw this.#corrupt(last)
        this.#belief.resolved(last, 'stands')
        return
      }
      if (found !== undefined) break
      if (!abandoned && this.#mayBePutting(range, clock.monotonic() - since)) {
        await sleep(clock, limits.factPollMs)
        continue
      }
      // Nothing else can be inside: the item told the whole range of one reservation.
      const put = await storage.put(last, encodeSeal(first, last, 'range'), { reservedAtMs: null, timeoutMs: limits.putTimeoutMs })
      if (put === 'created') break
    }
    await this.#judgeSealed(storage, range, isOpen)
  }

  /** A time that can't be is not waited for longer than a healthy writer needs. */
  #mayBePutting ({ timeS }: OpenRange, lookedMs: number): boolean {
    const { limits, storeTime } = this.#context
    const ageMs = storeTime.now() - timeS * 1_000
    return lookedMs < limits.factWaitMs || (ageMs < limits.holeGraceMs && lookedMs < limits.holeGraceMs)
  }

  /**
   * With a seal at the key the range is void, unless a trim resolved it and then removed its segment, which made room for the
   * seal. So the item is read after the seal was seen.
   */
  async #judgeSealed (storage: TopicStorage, range: OpenRange, isOpen: (() => Promise<boolean>) | undefined): Promise<void> {
    const { limits, storeTime } = this.#context
    const askedAt = this.#belief.tick()
    const item = await storage.item()
    this.#belief.learn(item, askedAt)
    if (!(isOpen === undefined ? hasOpenFact(item, range) : await isOpen())) return
    const isOld = storeTime.now() - range.timeS * 1_000 > limits.factAgeMaxMs
    this.#belief.resolved(range.last, isOld || earliestOf(item) > range.last ? 'lost' : 'void')
  }

  #corrupt (last: number): LogError {
    return new LogError('segment_corrupt', `Offset ${last} of topic ${this.#topic} holds a segment of another writer than its reservation.`)
  }
}

const resolvers = new WeakMap<TopicBelief, RangeResolver>()

/** The resolver of a topic in this process. */
export function resolverOf (context: LogContext, topic: string): RangeResolver {
  const belief = context.beliefs.of(topic)
  let resolver = resolvers.get(belief)
  if (resolver === undefined) {
    resolver = new RangeResolver(context, topic, belief)
    resolvers.set(belief, resolver)
  }
  return resolver
}

/** Whether the topic is closed. A closing append that the item does not resolve stands if its segment is there. */
export async function isClosed (context: LogContext, topic: string, item: TopicItem): Promise<boolean> {
  if (closedOf(item) !== undefined) return true
  const closing = closingOf(item)
  if (closing === undefined) return false
  const outcome = context.beliefs.of(topic).outcomeOf(closing.last)
  if (outcome !== undefined) return outcome !== 'void'
  const { limits, clock } = context
  const segment = await new TopicStorage(context, topic, createOperation(), clock.monotonic() + limits.getTimeoutMs).segment(closing.last)
  return segment?.kind === 'messages' && segment.writer === decodeClosing(closing.text).writer
}

/** Whether the item has a fact on the range whose outcome it does not tell. */
export function hasOpenFact (item: TopicItem | undefined, { last, writer }: Pick<OpenRange, 'last' | 'writer'>): boolean {
  return openRanges(item).some((range) => range.last === last && range.writer === writer)
}

/** The open range of this writer, if the item has a fact on one. */
export function rangeOfWriter (item: TopicItem | undefined, writer: string): OpenRange | undefined {
  return openRanges(item).find((range) => range.writer === writer)
}

/** The ranges of all facts whose outcome the item does not tell; one for each fact. */
export function openRanges (item: TopicItem | undefined): OpenRange[] {
  if (item === undefined) return []
  const ranges: OpenRange[] = []
  const add = (last: number, { count, writer, timeS }: { count: number, writer: string, timeS: number }): void => {
    ranges.push({ first: last - count + 1, last, writer, timeS })
  }
  if (item.closing !== undefined) add(item.closing.last, decodeClosing(item.closing.text))
  const order = item.order === undefined ? undefined : decodeOrder(item.order.text).range
  if (order !== undefined) add(item.order!.last, order)
  for (const fact of item.producers.values()) {
    const record = decodeProducer(fact)
    if (record.riding.length > 0) add(fact.last, record)
  }
  return ranges
}
