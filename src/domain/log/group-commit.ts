import { mayHaveTakenEffect } from '../../ports/errors.ts'
import type { Reserved } from '../../ports/topic-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { addCalls, createOperation, type Operation } from '../operation.ts'
import { rememberDecoded } from '../producers/record.ts'
import type { NewMessage } from '../segments/message.ts'
import type { MessageSegment } from '../segments/segment.ts'
import { toLogError } from '../to-log-error.ts'
import { AppendQueue, failureOf, settle, sizeOf, type Appended, type QueuedAppend } from './append-queue.ts'
import type { TopicBelief } from './belief.ts'
import type { AppendConditions } from './conditions.ts'
import { GroupDraft, type DraftOptions } from './group-draft.ts'
import { decodeKey, encodeKey, keyName, keyRecords, type KeyRecord } from './keys.ts'
import { overloaded, type Flight } from './link-window.ts'
import { moveOut } from './producer-moves.ts'
import { contended, timedOut } from './refusals.ts'
import { isTimeout, randomId, ReservationWriter } from './reservation-writer.ts'
import { rangeOfWriter, resolverOf, type RangeResolver } from './resolve.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'
import { WaitingAppends } from './waiting-appends.ts'

export interface GroupCommitOptions extends DraftOptions {
  /** Called whenever nothing is pending or in flight any more. */
  readonly idle: () => void
  /** Called with each segment that was written. @param closes whether the segment closed the topic */
  readonly appended: (segment: MessageSegment, closes: boolean) => void
  /** Called when the topic was closed without a message. */
  readonly closed: () => void
}

interface Written { readonly segment: MessageSegment, readonly closes: boolean }

type Outcomes = Map<QueuedAppend, Appended | LogError>

/**
 * After so many refused updates in a row, the appends without conditions are sent alone; after twice as many, each producer's
 * appends are (log §6.9).
 */
const REFUSALS_BEFORE_SPLIT = 2

/**
 * Group commit for one topic (log §3.5, §6.9): the appends that are sent together share one update of the item and one put. An
 * append to an idle topic waits for no timer; batches form by themselves under load (the natural batching of Kafka's producer
 * and of databases' commit logs).
 */
export class GroupCommit {
  readonly #context: LogContext
  readonly #topic: string
  readonly #options: GroupCommitOptions
  readonly #belief: TopicBelief
  readonly #queue: AppendQueue
  readonly #resolver: RangeResolver
  readonly #waiting: WaitingAppends
  /** Calls in progress that no append waits for. */
  #backgroundCalls = 0

  constructor (context: LogContext, topic: string, options: GroupCommitOptions) {
    this.#context = context
    this.#topic = topic
    this.#options = options
    this.#belief = context.beliefs.of(topic)
    this.#resolver = resolverOf(context, topic)
    const idle = (): void => { this.#checkIdle() }
    this.#queue = new AppendQueue(context, { commit: (group, bytes) => this.#commit(group, bytes), idle })
    this.#waiting = new WaitingAppends(context, topic, this.#belief, this.#resolver, {
      back: (append) => { this.#queue.putBack([append]) },
      latestStart: (append) => this.#queue.latestStart(append),
      idle
    })
  }

  append (messages: readonly NewMessage[], conditions: AppendConditions, operation: Operation): Promise<Appended> {
    const { clock, limits, traces } = this.#context
    return new Promise((resolve, reject) => {
      const append: QueuedAppend = {
        messages,
        conditions,
        operation,
        span: traces?.current(),
        arrived: this.#belief.tick(),
        size: sizeOf(messages),
        deadline: clock.monotonic() + limits.appendTimeoutMs,
        ranges: 0,
        onSettled: [],
        resolve,
        reject
      }
      if (!this.#queue.push(append)) settle(this.#context, append, failureOf(conditions, overloaded()))
    })
  }

  #checkIdle (): void {
    if (this.#queue.isIdle && this.#waiting.isIdle && this.#backgroundCalls === 0) this.#options.idle()
  }

  async #commit (group: QueuedAppend[], bytes: number): Promise<void> {
    const operation = createOperation()
    const flight = this.#context.putWindow.enter(bytes)
    const outcomes: Outcomes = new Map()
    let segment: Written | undefined
    try {
      const calls = new GroupCalls(this.#context, this.#topic, operation, flight)
      const { traces } = this.#context
      segment = traces === undefined
        ? await this.#write(group, calls, outcomes)
        : await traces.shared('commit', this.#topic, group.map(({ span }) => span), () => this.#write(group, calls, outcomes))
    } catch (error) {
      for (const append of group) if (!outcomes.has(append)) outcomes.set(append, toLogError(error, 'unknown'))
    }
    flight.leave()
    // Before the appends are settled, since the callers then read their operations.
    for (const append of group) addCalls(append.operation.calls, operation.calls)
    for (const [append, outcome] of outcomes) settle(this.#context, append, outcome)
    if (segment !== undefined) this.#options.appended(segment.segment, segment.closes)
  }

  /** Reserves and puts. Each append gets an outcome, or goes back to wait. @returns the segment, if one was written */
  async #write (group: QueuedAppend[], calls: GroupCalls, outcomes: Outcomes): Promise<Written | undefined> {
    let appends = group
    for (let refusals = 0; ; refusals++) {
      const draft = this.#draft(this.#splitOff(appends, refusals), outcomes)
      appends = draft.accepted as QueuedAppend[]
      if (appends.length === 0) return undefined
      const left = appends[0]!.deadline - this.#context.limits.resolveBySealMs - this.#context.clock.monotonic()
      const writer = randomId(this.#context.random)
      try {
        if (left <= 0) throw timedOut()
        const reserved = await this.#reserve(draft, writer, calls.storage(appends[0]!.deadline), left)
        if (reserved !== undefined) return await this.#put(draft, reserved, writer, calls, outcomes)
      } catch (error) {
        // A close without messages is applied by the update itself.
        const written = draft.count === 0 && mayHaveTakenEffect(error) ? 'unknown' : 'no'
        for (const append of appends) outcomes.set(append, failureOf(append.conditions, toLogError(error, written)))
        return undefined
      }
    }
  }

  /** Judges the appends. The appends that are not accepted are answered, wait for a read, or go back into the queue. */
  #draft (appends: readonly QueuedAppend[], outcomes: Outcomes): GroupDraft {
    const draft = new GroupDraft(this.#belief, this.#options)
    for (const [i, append] of appends.entries()) {
      const judgement = draft.add(append)
      switch (judgement.kind) {
        case 'accepted': break
        case 'later':
          this.#queue.putBack(appends.slice(i))
          return draft
        case 'waits': this.#waiting.add(append, judgement.need); break
        case 'repeat': this.#waiting.addRepeat(append, judgement.range); break
        case 'closed': outcomes.set(append, { first: judgement.end, last: judgement.end - 1, closed: true }); break
        case 'refused': outcomes.set(append, judgement.error)
      }
    }
    return draft
  }

  /** After refused updates, fewer appends share the next update, so that a contended append does not delay the others. */
  #splitOff (appends: QueuedAppend[], refusals: number): QueuedAppend[] {
    if (refusals < REFUSALS_BEFORE_SPLIT || appends.length === 1) return appends
    let kept = appends.filter(({ conditions }) => Object.values(conditions).every((value) => value === undefined))
    if (kept.length === 0 && refusals < 2 * REFUSALS_BEFORE_SPLIT) return appends
    if (kept.length === 0) kept = appends.filter(({ conditions }) => conditions.producer?.id === appends[0]!.conditions.producer?.id)
    this.#queue.putBack(appends.filter((append) => !kept.includes(append)))
    return kept
  }

  /** @returns `undefined` if the group must be judged again */
  async #reserve (draft: GroupDraft, writer: string, storage: TopicStorage, left: number): Promise<Reserved | undefined> {
    const { limits, storeTime } = this.#context
    const { movedOut, open } = await moveOut(this.#context, { topic: this.#topic, belief: this.#belief, draft, storage })
    // Their producers are moved out by the next group.
    for (const range of open) this.#inBackground((_, deadline) => this.#resolver.resolve(range, { deadline }))
    const { wanted, belief, records } = draft.update(writer, Math.floor(storeTime.now() / 1_000), movedOut)
    const askedAt = this.#belief.tick()
    try {
      const answer = await storage.reserve(wanted, belief, Math.min(limits.reserveTimeoutMs, left))
      this.#belief.learn(answer.item, askedAt)
      if (answer.kind === 'reserved') {
        for (const [id, record] of records) rememberDecoded(answer.item.producers.get(id)!, record)
        return answer
      }
    } catch (error) {
      // Without facts, at worst a range was reserved that nobody uses. Readers seal it.
      if (!draft.hasFacts || !mayHaveTakenEffect(error)) throw error
      const readAt = this.#belief.tick()
      for (const append of draft.accepted as QueuedAppend[]) append.ranges++
      this.#belief.learn(await storage.item().catch(() => { throw error }), readAt)
    }
    // Reserved by an attempt whose answer was lost. The time of the reservation is not known, so no put may use it (log §6.2).
    const own = rangeOfWriter(this.#belief.item, writer)
    const { deadline } = (draft.accepted as QueuedAppend[])[0]!
    if (own !== undefined) await this.#resolver.resolve(own, { deadline, abandoned: true, calls: storage.calls })
    return undefined
  }

  async #put (draft: GroupDraft, reserved: Reserved, writer: string, calls: GroupCalls, outcomes: Outcomes): Promise<Written | undefined> {
    const appends = draft.accepted as QueuedAppend[]
    const { first, last } = reserved
    this.#context.storeTime.heard(reserved.reservedAtMs)
    for (const { conditions: { producer } } of appends) if (producer !== undefined) this.#waiting.accepted(producer.id)
    if (draft.count === 0) {
      outcomes.set(appends[0]!, { first, last, closed: true })
      this.#options.closed()
      return undefined
    }
    for (const append of appends) append.ranges++
    const deadline = appends[0]!.deadline
    const ended = draft.hasFacts ? this.#resolver.putting(last) : () => {}
    try {
      if (!await this.#putKeys(draft, reserved, writer, calls.storage(deadline))) {
        ended()
        const range = { first, last, writer, timeS: reserved.reservedAtMs / 1_000 }
        await this.#resolver.resolve(range, { deadline, abandoned: true, calls: calls.storage(deadline).calls })
        this.#again(appends, last, outcomes)
        return undefined
      }
      const messages = appends.length === 1 ? appends[0]!.messages : appends.flatMap((append) => append.messages)
      const options = { writer, closes: draft.closes, deadline, flight: calls.flight }
      const segment = await new ReservationWriter(this.#context, calls.storage(deadline), this.#topic, reserved, options).write(messages)
      if (segment !== 'sealed') return this.#acknowledge(draft, segment, outcomes, reserved)
      this.#again(appends, last, outcomes)
    } catch (error) {
      this.#failed(appends, toLogError(error, 'unknown'), outcomes)
    } finally {
      ended()
    }
    return undefined
  }

  #acknowledge (draft: GroupDraft, segment: MessageSegment, outcomes: Outcomes, { last }: Reserved): Written {
    const appends = draft.accepted as QueuedAppend[]
    this.#context.cache.set(this.#topic, segment)
    this.#context.telemetry.segmentWritten(this.#topic, appends.length, draft.count, segment.bytes)
    let offset = segment.first
    for (const append of appends) {
      const next = offset + append.messages.length
      outcomes.set(append, { first: offset, last: next - 1, ...append.conditions.close === true && { closed: true } })
      offset = next
    }
    if (draft.hasFacts) this.#belief.resolved(last, 'stands')
    if (draft.closes) this.#inBackground((storage) => storage.markClosed(last))
    this.#noteKeys(draft, segment)
    return { segment, closes: draft.closes }
  }

  /**
   * Puts appends whose range up to `last` is void back into the queue. They are judged anew, and another range is reserved for them.
   */
  #again (appends: readonly QueuedAppend[], last: Offset, outcomes: Outcomes): void {
    if (appends[0]!.conditions.expectedOffset !== undefined) appends[0]!.expectedLast = last
    const again: QueuedAppend[] = []
    for (const append of appends) {
      if (append.ranges < this.#context.limits.appendAttemptsMax) again.push(append)
      else outcomes.set(append, failureOf(append.conditions, contended()))
      append.keySeen = undefined
    }
    this.#queue.putBack(again)
  }

  #failed (appends: readonly QueuedAppend[], failure: LogError, outcomes: Outcomes): void {
    const now = this.#context.clock.monotonic()
    // Certainly not written: appends that still have the time are sent again, in segments of the size that fits now.
    const tooLarge = failure.code === 'append_timeout' && failure.written === 'no' && isTimeout(failure.cause)
    const again = tooLarge ? appends.filter((append) => this.#queue.latestStart(append) > now) : []
    for (const append of appends) if (!again.includes(append)) outcomes.set(append, failureOf(append.conditions, failure))
    for (const append of again) append.keySeen = undefined
    this.#queue.putBack(again)
  }

  /**
   * Stores the records of the group's keys (log §6.6).
   * @returns false if a record could not be stored, or another copy of the append has stored one first
   */
  async #putKeys (draft: GroupDraft, { last }: Reserved, writer: string, storage: TopicStorage): Promise<boolean> {
    const { keyTtlMs } = this.#context.limits
    const putKey = async (append: QueuedAppend, record: KeyRecord): Promise<boolean> => {
      const name = keyName(this.#topic, append.conditions.key!)
      const answer = await storage.replaceRecord(name, { last, text: encodeKey(record) }, append.keySeen!.version, keyTtlMs)
      return answer === 'replaced' || (answer !== undefined && decodeKey(answer.text).writer === writer)
    }
    const records = [...this.#keyRecords(draft, writer)]
    const puts = await Promise.all(records.map(([append, record]) => putKey(append, record).catch(() => false)))
    return puts.every(Boolean)
  }

  #keyRecords (draft: GroupDraft, writer: string): Map<QueuedAppend, KeyRecord> {
    if (draft.keys === 0) return new Map()
    const timeS = Math.floor(this.#context.storeTime.now() / 1_000)
    return keyRecords(draft.accepted as QueuedAppend[], { count: draft.count, writer, timeS })
  }

  /** Notes in the keys' records that the range stands. Once a trim has removed the segment, nothing else would tell. */
  #noteKeys (draft: GroupDraft, { last, writer }: MessageSegment): void {
    const { keyTtlMs } = this.#context.limits
    for (const [{ conditions }, record] of this.#keyRecords(draft, writer!)) {
      const fact = { last, text: encodeKey({ ...record, stands: true }) }
      this.#inBackground((storage) => storage.replaceRecord(keyName(this.#topic, conditions.key!), fact, last, keyTtlMs))
    }
  }

  /** Makes a call that no append waits for. If it fails, nothing is lost but time. */
  #inBackground (call: (storage: TopicStorage, deadline: Ms) => Promise<unknown>): void {
    this.#backgroundCalls++
    const { clock, limits } = this.#context
    const deadline = clock.monotonic() + limits.appendTimeoutMs
    call(new TopicStorage(this.#context, this.#topic, createOperation(), deadline), deadline).catch(() => {}).finally(() => {
      this.#backgroundCalls--
      this.#checkIdle()
    }).catch(() => {})
  }
}

/** Gives access to storage for one group, whose calls are counted together. */
class GroupCalls {
  readonly flight: Flight
  readonly #context: LogContext
  readonly #topic: string
  readonly #operation: Operation

  constructor (context: LogContext, topic: string, operation: Operation, flight: Flight) {
    this.#context = context
    this.#topic = topic
    this.#operation = operation
    this.flight = flight
  }

  storage (deadline: Ms): TopicStorage {
    return new TopicStorage(this.#context, this.#topic, this.#operation, deadline)
  }
}
