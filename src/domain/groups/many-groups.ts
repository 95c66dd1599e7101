import { isPassing, mayHaveTakenEffect } from '../../ports/errors.ts'
import type { GroupItem, GroupName, GroupWritten } from '../../ports/group-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { LogError, withAppliedUnknown } from '../errors.ts'
import { toLogError } from '../log/log.ts'
import { createOperation, type Operation } from '../operation.ts'
import { StoreCalls } from '../store-calls.ts'
import { checkTopic, isTopic, topicExpected } from '../topics/name.ts'
import { earliestOf, endOf } from '../topics/state.ts'
import { within } from '../wait.ts'
import { describeGroup, type GroupDescription } from './describe.ts'
import { groupOf, readTopic, type GroupContext } from './group-context.ts'
import { GroupQueue } from './group-queue.ts'
import { moveLetters } from './letter-mover.ts'
import {
  changeGroup, checkDeletable, defaultConfig, invalid, offsetOf, seekCommand, withLettersFrom, type GroupChange, type Sought, type Start
} from './manage.ts'
import { progressOf, type GroupsProgress } from './progress.ts'
import type { AckAnswer, ReceiveAnswer, ReceiveOptions } from './receive-answer.ts'
import { Receiver, submitAck } from './receiver.ts'
import { contended, notFound } from './refusals.ts'
import { redriveLetters, type RedriveAnswer, type RedriveOptions } from './redriver.ts'
import { extend, nack, type LeasePart, type Nacked, type NackOptions } from './settle.ts'
import { newGroup } from './state.ts'

const STORE = 'the group store'

export interface Extended {
  /** By the store's clock, ms. */
  readonly expiresAt: Ms
  readonly expiresInMs: Ms
}

export interface PutAnswer { readonly created: boolean, readonly description: GroupDescription }

export interface GroupPage {
  readonly groups: readonly string[]
  /** To be passed as `after` to get the next page; absent after the last one. */
  readonly next: string | undefined
}

/** Times that a deletion is tried again because others have changed the group. */
const DELETE_ROUNDS_MAX = 20

/** The groups that this process works for at the moment, each with its queue. */
export class ManyGroups {
  readonly #context: GroupContext
  readonly #queues = new Map<string, GroupQueue>()

  constructor (context: GroupContext) {
    this.#context = context
  }

  receive (name: GroupName, options: ReceiveOptions, operation = createOperation()): Promise<ReceiveAnswer> {
    return this.#with(name, (queue) => new Receiver(this.#context, name, queue, options, operation).receive(), options.acks.length > 0)
  }

  ack (name: GroupName, part: LeasePart, operation = createOperation()): Promise<AckAnswer> {
    return this.#with(name, (queue) => submitAck(this.#context, name, queue, part, operation))
  }

  nack (name: GroupName, part: LeasePart, options: NackOptions, operation = createOperation()): Promise<Nacked> {
    return this.#with(name, (queue) => queue.submit({
      kind: 'settle',
      repeatable: true,
      movesLetters: true,
      apply: ({ state, config, life, now }) => {
        if (options.reject && config.deadLetterTopic === null) {
          throw invalid('reject: expected false, because the group has no dead_letter_topic to which messages could go')
        }
        return nack(state, config, life, part, options, now, this.#context.limits)
      }
    }, operation))
  }

  extend (name: GroupName, id: LeasePart['id'], leaseMs: Ms | undefined, operation = createOperation()): Promise<Extended> {
    const { clock } = this.#context
    return this.#with(name, async (queue) => {
      const { expires, high, at } = await queue.submit({
        kind: 'settle',
        repeatable: true,
        movesLetters: true,
        apply: ({ state, config, life, now }) => {
          const { state: extended, answer: lease } = extend(state, life, id, leaseMs ?? config.leaseMs, now)
          return { state: extended, answer: { expires: lease.expires, high: now.high, at: clock.monotonic() } }
        }
      }, operation)
      return { expiresAt: expires, expiresInMs: Math.max(0, Math.floor(expires - high - (clock.monotonic() - at))) }
    })
  }

  put (name: GroupName, change: GroupChange, start: Start = 'earliest', operation = createOperation()): Promise<PutAnswer> {
    return this.#with(name, async (queue) => {
      const topic = await this.#topic(name, operation)
      const created = await queue.submit({
        kind: 'settle',
        repeatable: false,
        movesLetters: false,
        make: () => ({ config: defaultConfig(name.topic, this.#context), state: newGroup(offsetOf(start, topic)) }),
        apply: (group) => {
          const config = changeGroup(group, change, name.topic, this.#context.randomHex)
          return { config, state: withLettersFrom(group.state, group.config, config), answer: group.rev === 0 }
        }
      }, operation)
      return { created, description: await this.#describe(name, operation) }
    })
  }

  seek (name: GroupName, to: Start, expected?: Offset, operation = createOperation()): Promise<Sought> {
    return this.#with(name, async (queue) => {
      const topic = await this.#topic(name, operation)
      return await queue.submit(seekCommand({ to, expected, topic, make: () => defaultConfig(name.topic, this.#context) }), operation)
    })
  }

  redrive (name: GroupName, options: RedriveOptions, operation = createOperation()): Promise<RedriveAnswer> {
    return this.#with(name, (queue) => redriveLetters(this.#context, name, queue, options, operation))
  }

  describe (name: GroupName, operation = createOperation()): Promise<GroupDescription> {
    return this.#with(name, () => this.#describe(name, operation), false)
  }

  delete (name: GroupName, force: boolean, operation = createOperation()): Promise<void> {
    return this.#with(name, async (queue) => {
      let item = await this.#item(name, operation)
      for (let round = 0; round < DELETE_ROUNDS_MAX; round++) {
        if (item === undefined) throw notFound(name)
        if (!force) checkDeletable(groupOf(item, name).state)
        const answer = await this.#remove(name, item, operation)
        queue.kept.distrust()
        // What is there now was made since, by somebody else: the group that was to be deleted is not there any more.
        const isGone = answer.kind === 'written' || (answer.item !== undefined && answer.item.gen !== item.gen)
        if (isGone) return
        item = answer.item
      }
      throw contended()
    })
  }

  async list (topic: string, after: string, limit: number, { calls } = createOperation()): Promise<GroupPage> {
    const { store, limits } = this.#context
    checkTopic(topic)
    calls.list++
    try {
      const { groups, truncated } = await new StoreCalls(this.#context).make('list', STORE,
        (signal) => store.list(topic, after, Math.min(limit, limits.topicsPageMax), { signal }))
      return { groups, next: truncated ? groups.at(-1) : undefined }
    } catch (error) {
      throw toLogError(error)
    }
  }

  async progress (topic: string, end: Offset, limit: number, operation = createOperation()): Promise<GroupsProgress> {
    checkTopic(topic)
    try {
      return await progressOf(this.#context, topic, end, limit, operation)
    } catch (error) {
      throw toLogError(error)
    }
  }

  /** @param changes whether the work may have changed the group when its time is over */
  async #with<T> (name: GroupName, work: (queue: GroupQueue) => Promise<T>, changes = true): Promise<T> {
    checkNames(name)
    const { clock, limits } = this.#context
    const key = `${name.topic}#${name.group}`
    let queue = this.#queues.get(key)
    if (queue === undefined) {
      const created: GroupQueue = queue = new GroupQueue(this.#context, name, () => moveLetters(this.#context, name, created))
      this.#queues.set(key, queue)
    }
    queue.users++
    let isOver = false
    try {
      return await within(clock, limits.groupAnswerMs, 'the consumer group', () => work(queue).finally(() => { isOver = true }))
    } catch (error) {
      throw changes && !isOver ? withAppliedUnknown(toLogError(error)) : toLogError(error)
    } finally {
      queue.users--
      this.#forgetLater(key, queue)
    }
  }

  /** What a queue has kept is of use for a moment only. */
  #forgetLater (key: string, queue: GroupQueue): void {
    const { clock, limits } = this.#context
    if (queue.users > 0 || queue.isForgetting) return
    queue.isForgetting = true
    clock.timer(limits.groupStateKeptMs, () => {
      queue.isForgetting = false
      if (queue.users > 0) return
      if (queue.isRunning) return this.#forgetLater(key, queue)
      queue.reads.forget()
      this.#queues.delete(key)
    })
  }

  async #topic ({ topic }: GroupName, operation: Operation): Promise<{ readonly earliest: Offset, readonly end: Offset }> {
    const item = await readTopic(this.#context, topic, operation)
    return { earliest: earliestOf(item), end: endOf(item) }
  }

  async #item (name: GroupName, operation: Operation): Promise<GroupItem | undefined> {
    const { store } = this.#context
    operation.calls.state++
    return (await new StoreCalls(this.#context).make('read', STORE, (signal) => store.read(name, { signal }))).item
  }

  /** Removed again after a lost answer, the group could be one that was made meanwhile. */
  async #remove (name: GroupName, item: GroupItem, operation: Operation): Promise<GroupWritten> {
    const { store, limits } = this.#context
    operation.calls.reserve++
    try {
      return await new StoreCalls({ ...this.#context, limits: { ...limits, callAttemptsMax: 1 } })
        .make('write', STORE, (signal) => store.remove(name, item, { signal }))
    } catch (error) {
      throw isPassing(error) && mayHaveTakenEffect(error) ? withAppliedUnknown(toLogError(error)) : error
    }
  }

  async #describe (name: GroupName, operation: Operation): Promise<GroupDescription> {
    const { store } = this.#context
    const calls = new StoreCalls(this.#context, Infinity, operation.signal)
    operation.calls.state++
    const [{ item, now }, { end }] = await Promise.all([
      calls.make('read', STORE, (signal) => store.read(name, { signal })), this.#topic(name, operation)
    ])
    if (item === undefined) throw notFound(name)
    return describeGroup(groupOf(item, name), { end, stateBytes: item.state.length + item.config.length, nowMs: now.high })
  }
}

/** Groups have names as topics. @throws LogError `invalid_topic`, `invalid_group` */
function checkNames ({ topic, group }: GroupName): void {
  checkTopic(topic)
  if (isTopic(group)) return
  const shown = JSON.stringify(group.length > 60 ? group.slice(0, 60) + '…' : group)
  throw new LogError('invalid_group', `group: expected ${topicExpected}, got ${shown}`)
}
