import { LogError } from '../errors.ts'
import { addCalls, createOperation, noCalls, type StorageCalls } from '../operation.ts'
import type { AppendRange } from '../producers/record.ts'
import { toLogError } from '../to-log-error.ts'
import { counts } from '../topics/state.ts'
import { failureOf, settle, type Appended, type QueuedAppend } from './append-queue.ts'
import type { TopicBelief } from './belief.ts'
import type { Need } from './group-draft.ts'
import { decodeKey, hashMessages, keyName, rangeOfKey } from './keys.ts'
import { identityConflict, keyUnknown } from './refusals.ts'
import { isSameContent } from './repeats.ts'
import type { RangeResolver } from './resolve.ts'
import { TopicStorage, type LogContext } from './topic-storage.ts'

export interface WaitingHooks {
  /** Called when the append can be judged again. */
  back (append: QueuedAppend): void
  /** Monotonic ms after which the append is not sent any more. */
  latestStart (append: QueuedAppend): number
  /** Called whenever no append waits any more. */
  idle (): void
}

/** A read of the item that several appends wait for. */
interface SharedRead {
  readonly done: Promise<void>
  readonly calls: StorageCalls
}

/** The appends of one topic that can't be judged before a read or another append (log §6.9). The others do not wait for them. */
export class WaitingAppends {
  readonly #context: LogContext
  readonly #topic: string
  readonly #belief: TopicBelief
  readonly #resolver: RangeResolver
  readonly #hooks: WaitingHooks
  /** Wakes the appends that wait for the seq before theirs, by producer id. */
  readonly #gaps = new Map<string, Set<() => void>>()
  #reading: SharedRead | undefined
  #nextReading: SharedRead | undefined
  #count = 0

  constructor (context: LogContext, topic: string, belief: TopicBelief, resolver: RangeResolver, hooks: WaitingHooks) {
    this.#context = context
    this.#topic = topic
    this.#belief = belief
    this.#resolver = resolver
    this.#hooks = hooks
  }

  get isIdle (): boolean { return this.#count === 0 }

  /** Provides what the append needs, then has it judged again. */
  add (append: QueuedAppend, need: Need): void {
    this.#run(append, async (storage) => {
      switch (need.kind) {
        case 'item': await this.#readItem(storage.calls); break
        case 'range': await this.#resolver.resolve(need.range, { deadline: this.#hooks.latestStart(append), calls: storage.calls }); break
        case 'outside': await this.#readOutside(storage, need.id); break
        case 'key': return this.#readKey(storage, append)
        case 'predecessor': await this.#awaitPredecessor(storage, append, need.refusal); break
        case 'copy': await new Promise<void>((resolve) => { (need.of as QueuedAppend).onSettled.push(resolve) })
      }
      return undefined
    })
  }

  /** Answers a repeat, after its messages were compared with the stored ones. @param range of the stored append */
  addRepeat (append: QueuedAppend, range: AppendRange): void {
    this.#run(append, async (storage) => {
      if (!await isSameContent(this.#context, storage, range, append.messages)) throw identityConflict('producer.seq', range.first)
      return { ...range, duplicate: true, ...append.conditions.close === true && { closed: true } }
    })
  }

  /** Wakes the producer's waiting appends. To be called when an append of the producer was reserved. */
  accepted (producerId: string): void {
    const waiting = this.#gaps.get(producerId)
    this.#gaps.delete(producerId)
    for (const wake of waiting ?? []) wake()
  }

  /** @param wait resolves with the answer; `undefined`: the append is to be judged again */
  #run (append: QueuedAppend, wait: (storage: TopicStorage) => Promise<Appended | undefined>): void {
    const operation = createOperation()
    const storage = new TopicStorage(this.#context, this.#topic, operation, this.#hooks.latestStart(append))
    this.#count++
    wait(storage).then((answer) => {
      addCalls(append.operation.calls, operation.calls)
      if (answer === undefined) this.#hooks.back(append)
      else settle(this.#context, append, answer)
    }, (error: unknown) => {
      addCalls(append.operation.calls, operation.calls)
      const tellsOutcome = error instanceof LogError && error.written !== undefined
      settle(this.#context, append, tellsOutcome ? error : failureOf(append.conditions, toLogError(error, 'no')))
    }).finally(() => {
      if (--this.#count === 0) this.#hooks.idle()
    }).catch(() => {})
  }

  /** Appends that come while a read is in progress share the next one, since their read must begin after they arrived. */
  async #readItem (calls: StorageCalls): Promise<void> {
    const shared = this.#reading === undefined
      ? this.#reading = this.#readAfter(Promise.resolve())
      : this.#nextReading ??= this.#readAfter(this.#reading.done.catch(() => {}))
    await shared.done.finally(() => { addCalls(calls, shared.calls) })
  }

  #readAfter (before: Promise<unknown>): SharedRead {
    const calls = noCalls()
    const done = before.then(() => this.#read(calls)).finally(() => {
      this.#reading = this.#nextReading
      this.#nextReading = undefined
    })
    return { done, calls }
  }

  async #read (calls: StorageCalls): Promise<void> {
    const { clock, limits } = this.#context
    const storage = new TopicStorage(this.#context, this.#topic, { calls }, clock.monotonic() + limits.getTimeoutMs)
    const askedAt = this.#belief.tick()
    this.#belief.learn(await storage.item(), askedAt)
  }

  /** Must come after a read of the item, because a record inside the item overrules the one outside (log §6.5). */
  async #readOutside (storage: TopicStorage, id: string): Promise<void> {
    const moves = this.#belief.item?.moves ?? 0
    this.#belief.learnOutside(id, await storage.record({ kind: 'producer', topic: this.#topic, id }), moves)
  }

  /** The item is read at first, since another process may have written the predecessor, and once more before the gap is told. */
  async #awaitPredecessor ({ calls }: TopicStorage, append: QueuedAppend, refusal: LogError): Promise<void> {
    const { clock, limits } = this.#context
    const left = append.deadline - limits.appendTimeoutMs + limits.gapWaitMs - clock.monotonic()
    if (!this.#belief.isNewerThan(append.arrived)) await this.#readItem(calls)
    else if (left <= 0) throw refusal
    else if (!await this.#isNextAccepted(append.conditions.producer!.id, left)) await this.#readItem(calls)
  }

  /** Resolves when an append of the producer is accepted, or after `ms` with false. */
  #isNextAccepted (producerId: string, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = this.#gaps.get(producerId) ?? new Set()
      this.#gaps.set(producerId, waiting)
      const wake = (): void => {
        cancel()
        resolve(true)
      }
      const cancel = this.#context.clock.timer(ms, () => {
        waiting.delete(wake)
        if (waiting.size === 0 && this.#gaps.get(producerId) === waiting) this.#gaps.delete(producerId)
        resolve(false)
      })
      waiting.add(wake)
    })
  }

  /**
   * Reads the key's record (log §6.6). Answers the append if an append with the key was written.
   * @returns the answer; `undefined`: it is to be judged again, since there is no record, or its range is void
   * @throws LogError `idempotency_conflict`, `idempotency_unknown`
   */
  async #readKey (storage: TopicStorage, append: QueuedAppend): Promise<Appended | undefined> {
    const { turns, limits: { sliceChars } } = this.#context
    const name = keyName(this.#topic, append.conditions.key!)
    const hash = await hashMessages(append.messages, turns, sliceChars)
    const fact = await storage.record(name)
    // The record may be of an earlier life of the topic, which another process has ended.
    if (fact !== undefined && !this.#belief.isNewerThan(append.arrived)) await this.#readItem(storage.calls)
    if (fact === undefined || !counts(this.#belief.item ?? {}, fact.last)) {
      append.keySeen = { version: fact?.last ?? null, hash }
      return undefined
    }
    const record = decodeKey(fact.text)
    const first = fact.last - record.back - record.count + 1
    if (record.hash !== hash) throw identityConflict('idempotency-key', first)
    if (!record.stands) {
      await this.#resolver.resolve(rangeOfKey(record, fact.last), {
        deadline: this.#hooks.latestStart(append),
        calls: storage.calls,
        isOpen: async () => (await storage.record(name))?.text === fact.text
      })
    }
    const outcome = record.stands ? 'stands' : this.#belief.outcomeOf(fact.last)
    if (outcome === undefined) return this.#readKey(storage, append) // another copy has replaced the record in the meantime
    if (outcome === 'void') {
      append.keySeen = { version: fact.last, hash }
      return undefined
    }
    if (outcome === 'lost') throw keyUnknown()
    return { first, last: first + record.count - 1, duplicate: true, ...append.conditions.close === true && { closed: true } }
  }
}
