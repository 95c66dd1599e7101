import type { TopicItem } from '../../ports/topic-store.ts'
import { LogError } from '../errors.ts'
import { addCalls, createOperation, noCalls, type StorageCalls } from '../operation.ts'
import { decodeProducer } from '../producers/record.ts'
import { encodeSeal } from '../segments/segment.ts'
import { closedOf, closingOf, earliestOf } from '../topics/state.ts'
import { sleep } from '../wait.ts'
import type { TopicBelief } from './belief.ts'
import type { OpenRange } from './conditions.ts'
import { decodeClosing, decodeOrder } from './facts.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

export interface ResolveOptions {
  /** Monotonic ms by which the call ends. */
  readonly deadline: number
  /** Whether the range's writer has given up, so that it is not waited for. */
  readonly abandoned?: boolean
  /** Reads whether the fact is still there and open. Called after the seal was seen. By default, the item is looked at. */
  readonly isOpen?: () => Promise<boolean>
  /** The calls are added to these. Those that share an answer each get all of them. */
  readonly calls?: StorageCalls
}

/** Something that tells the outcome of a range when it has ended. */
interface Underway {
  readonly ended: Promise<void>
  readonly calls: StorageCalls
}

/** Finds out the outcomes of one topic's ranges with facts (log §6.3). Calls for the same range share the answer. */
export class RangeResolver {
  readonly #context: LogContext
  readonly #topic: string
  readonly #belief: TopicBelief
  readonly #underway = new Map<number, Underway>()

  constructor (context: LogContext, topic: string, belief: TopicBelief) {
    this.#context = context
    this.#topic = topic
    this.#belief = belief
  }

  /** Makes calls for the range wait for this process's own put. @returns a function to be called when the put has ended */
  putting (last: number): () => void {
    let ended = (): void => {}
    this.#underway.set(last, { ended: new Promise((resolve) => { ended = resolve }), calls: noCalls() })
    return () => {
      this.#underway.delete(last)
      ended()
    }
  }

  /**
   * Resolves the range. The belief then has its outcome, or an item without this open fact.
   * @throws StoreError, LogError if there was no answer in time, or the segment is damaged
   */
  async resolve (range: OpenRange, options: ResolveOptions): Promise<void> {
    const underway = this.#underway.get(range.last) ?? this.#begin(range, options)
    await underway.ended.finally(() => { if (options.calls !== undefined) addCalls(options.calls, underway.calls) })
  }

  #begin (range: OpenRange, options: ResolveOptions): Underway {
    const calls = noCalls()
    const ended = this.#resolve(range, options, calls).finally(() => { this.#underway.delete(range.last) })
    const underway = { ended, calls }
    this.#underway.set(range.last, underway)
    return underway
  }

  async #resolve (range: OpenRange, { deadline, abandoned = false, isOpen }: ResolveOptions, calls: StorageCalls): Promise<void> {
    const { clock, limits } = this.#context
    const { first, last } = range
    const storage = new TopicStorage(this.#context, this.#topic, { calls }, deadline)
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
      // A seal over the whole range is safe: it is one reservation, so it can hold one segment only.
      const put = await storage.put(last, encodeSeal(first, last, 'range'), { reservedAtMs: null, timeoutMs: limits.putTimeoutMs })
      if (put === 'created') {
        storage.sealed('range')
        break
      }
    }
    await this.#judgeSealed(storage, range, isOpen)
  }

  /** Whether the writer may still be putting. A reservation time that is too far off does not make the wait longer. */
  #mayBePutting ({ timeS }: OpenRange, lookedMs: number): boolean {
    const { limits, storeTime } = this.#context
    const ageMs = storeTime.now() - timeS * 1_000
    return lookedMs < limits.factWaitMs || (ageMs < limits.holeGraceMs && lookedMs < limits.holeGraceMs)
  }

  /**
   * Judges a range that has a seal at its key. The range is void, unless a trim has resolved the fact and then removed the
   * segment, which made room for the seal. So the item is read after the seal was seen.
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

/** Whether the topic is closed. If the item has an open closing append, its segment decides. */
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

/** Whether the item has an open fact on the range. */
export function hasOpenFact (item: TopicItem | undefined, { last, writer }: Pick<OpenRange, 'last' | 'writer'>): boolean {
  return openRanges(item).some((range) => range.last === last && range.writer === writer)
}

/** The writer's range, if the item has an open fact on it. */
export function rangeOfWriter (item: TopicItem | undefined, writer: string): OpenRange | undefined {
  return openRanges(item).find((range) => range.writer === writer)
}

/** The ranges of all open facts of the item, one for each fact. A fact is open until the item has its outcome. */
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
