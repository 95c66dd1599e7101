import { LogError } from '../errors.ts'
import { addCalls, createOperation } from '../operation.ts'
import type { AppendRange } from '../producers/record.ts'
import { counts } from '../topics/state.ts'
import { failureOf, settle, type QueuedAppend } from './append-queue.ts'
import type { TopicBelief } from './belief.ts'
import type { Need } from './group-draft.ts'
import { decodeKey, hashMessages, keyName, rangeOfKey } from './keys.ts'
import { isSameContent } from './repeats.ts'
import type { RangeResolver } from './resolve.ts'
import { TopicStorage, toLogError, type LogContext } from './topic-storage.ts'

export interface WaitingHooks {
  /** It can be judged again. */
  back (append: QueuedAppend): void
  /** Monotonic ms from which on an append is not sent any more. */
  latestStart (append: QueuedAppend): number
  /** Nothing waits any more. */
  idle (): void
}

/** The appends of one topic that step aside until something is known (log §6.9); the others do not wait for them. */
export class WaitingAppends {
  readonly #context: LogContext
  readonly #topic: string
  readonly #belief: TopicBelief
  readonly #resolver: RangeResolver
  readonly #hooks: WaitingHooks
  /** Those that wait for the seq before theirs, by producer. */
  readonly #gaps = new Map<string, Set<() => void>>()
  #reading: Promise<void> | undefined
  #nextReading: Promise<void> | undefined
  #count = 0

  constructor (context: LogContext, topic: string, belief: TopicBelief, resolver: RangeResolver, hooks: WaitingHooks) {
    this.#context = context
    this.#topic = topic
    this.#belief = belief
    this.#resolver = resolver
    this.#hooks = hooks
  }

  get isIdle (): boolean { return this.#count === 0 }

  /** The append waits for what it needs, and is judged again. */
  add (append: QueuedAppend, need: Need): void {
    this.#run(append, async (storage) => {
      switch (need.kind) {
        case 'item': await this.#readItem(); break
        case 'range': await this.#resolver.resolve(need.range, { deadline: this.#hooks.latestStart(append) }); break
        case 'outside': await this.#readOutside(storage, need.id); break
        case 'key': return this.#readKey(storage, append)
        case 'predecessor': return this.#awaitPredecessor(append, need.refusal)
        case 'copy': await new Promise<void>((resolve) => { (need.of as QueuedAppend).onSettled.push(resolve) })
      }
      return true
    })
  }

  /** The append stands already: its messages are compared with those that stand. */
  addRepeat (append: QueuedAppend, range: AppendRange): void {
    this.#run(append, async (storage) => {
      if (!await isSameContent(storage, range, append.messages)) throw conflict('producer.seq', range.first)
      settle(append, { ...range, duplicate: true, ...append.conditions.close === true && { closed: true } })
      return false
    })
  }

  /** To be called when an append of the producer was accepted. */
  accepted (producerId: string): void {
    const waiting = this.#gaps.get(producerId)
    this.#gaps.delete(producerId)
    for (const wake of waiting ?? []) wake()
  }

  /** @param wait whether the append is to be judged again; otherwise it was answered */
  #run (append: QueuedAppend, wait: (storage: TopicStorage) => Promise<boolean>): void {
    const operation = createOperation()
    const storage = new TopicStorage(this.#context, this.#topic, operation, this.#hooks.latestStart(append))
    this.#count++
    wait(storage).then((again) => {
      addCalls(append.operation.calls, operation.calls)
      if (again) this.#hooks.back(append)
    }, (error: unknown) => {
      addCalls(append.operation.calls, operation.calls)
      settle(append, error instanceof LogError && error.written !== undefined ? error : failureOf(append.conditions, toLogError(error, 'no')))
    }).finally(() => {
      if (--this.#count === 0) this.#hooks.idle()
    }).catch(() => {})
  }

  /** Those that come while a read is on its way share the next one: theirs must be asked for after they arrived. */
  #readItem (): Promise<void> {
    if (this.#reading === undefined) {
      this.#reading = this.#read().finally(() => { this.#reading = undefined })
      return this.#reading
    }
    this.#nextReading ??= this.#reading.catch(() => {}).then(() => {
      this.#nextReading = undefined
      return this.#readItem()
    })
    return this.#nextReading
  }

  async #read (): Promise<void> {
    const { clock, limits } = this.#context
    const storage = new TopicStorage(this.#context, this.#topic, createOperation(), clock.monotonic() + limits.getTimeoutMs)
    const askedAt = this.#belief.tick()
    this.#belief.learn(await storage.item(), askedAt)
  }

  /** After the item, since a record that is inside then is the truth (log §6.5). */
  async #readOutside (storage: TopicStorage, id: string): Promise<void> {
    const moves = this.#belief.item?.moves ?? 0
    this.#belief.learnOutside(id, await storage.record({ kind: 'producer', topic: this.#topic, id }), moves)
  }

  /** The item is read at first, since another process may have written the predecessor, and once more before the gap is told. */
  async #awaitPredecessor (append: QueuedAppend, refusal: LogError): Promise<boolean> {
    const { clock, limits } = this.#context
    const left = append.deadline - limits.appendTimeoutMs + limits.gapWaitMs - clock.monotonic()
    if (!this.#belief.isNewerThan(append.arrived)) await this.#readItem()
    else if (left <= 0) throw refusal
    else if (!await this.#isNextAccepted(append.conditions.producer!.id, left)) await this.#readItem()
    return true
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

  /** What the key stands for: the first answer again, a conflict, or nothing that holds (log §6.6). */
  async #readKey (storage: TopicStorage, append: QueuedAppend): Promise<boolean> {
    const name = keyName(this.#topic, append.conditions.key!)
    const fact = await storage.record(name)
    // The record may be of an earlier life of the topic, which another process has ended.
    if (fact !== undefined && !this.#belief.isNewerThan(append.arrived)) await this.#readItem()
    if (fact === undefined || !counts(this.#belief.item ?? {}, fact.last)) {
      append.keySeen = fact?.last ?? null
      return true
    }
    const record = decodeKey(fact.text)
    const first = fact.last - record.back - record.count + 1
    if (record.hash !== hashMessages(append.messages)) throw conflict('idempotency-key', first)
    if (!record.stands) {
      await this.#resolver.resolve(rangeOfKey(record, fact.last), {
        deadline: this.#hooks.latestStart(append),
        isOpen: async () => (await storage.record(name))?.text === fact.text
      })
    }
    const outcome = record.stands ? 'stands' : this.#belief.outcomeOf(fact.last)
    if (outcome === undefined) return this.#readKey(storage, append) // another copy has changed it meanwhile
    if (outcome === 'void') {
      append.keySeen = fact.last
      return true
    }
    if (outcome === 'lost') {
      throw new LogError('idempotency_unknown', 'idempotency-key: it is not known whether the append with this key was written', { written: 'unknown' })
    }
    settle(append, { first, last: first + record.count - 1, duplicate: true, ...append.conditions.close === true && { closed: true } })
    return false
  }
}

function conflict (field: string, offset: number): LogError {
  return new LogError('idempotency_conflict', `${field}: expected the messages that came with it first, got others`, { offset, written: 'no' })
}
