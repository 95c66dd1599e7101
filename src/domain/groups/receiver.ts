import { StoreError } from '../../ports/errors.ts'
import type { GroupName, StoreInstant } from '../../ports/group-store.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { withAppliedUnknown, type LogError } from '../errors.ts'
import { toLogError } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import { forEachBounded } from '../store-calls.ts'
import { earliestOf, endOf } from '../topics/state.ts'
import type { GroupConfig } from './config.ts'
import type { Group, GroupContext } from './group-context.ts'
import type { Command, GroupQueue, View } from './group-queue.ts'
import { encodeLeaseId, tagOf } from './lease-id.ts'
import { linesOf } from './letter-mover.ts'
import { LoadedLog } from './loaded-log.ts'
import { defaultConfig } from './manage.ts'
import { waitForNews } from './news.ts'
import type { AckAnswer, ReceiveAnswer, ReceiveOptions, Redelivered } from './receive-answer.ts'
import { receive, type BucketOf, type LogPart, type Nothing, type Received } from './receive.ts'
import { offsetsOf } from './runs.ts'
import { ack, type LeasePart } from './settle.ts'
import { countOf, newGroup, pendingRuns, type Lease, type Run } from './state.ts'

/** Rounds of a receive that got no messages but has made progress, before it answers. */
const ROUNDS_MAX = 10

/** What a receive found in its turn. */
interface Turn {
  readonly received: Exclude<Received, { kind: 'load' }>
  /** The messages of a new lease. Taken in the turn, because shared pages may be forgotten while the group is written. */
  readonly lines: readonly Uint8Array[]
  readonly group: Pick<Group, 'life' | 'state'>
  readonly now: StoreInstant
  /** Leases that it ended because their time was over. */
  readonly expired: number
  /** Monotonic ms at which the turn began, before its write. */
  readonly at: Ms
}

interface Answered extends Turn {
  /** Of the changes of the group, as this process saw them, when the turn ended. */
  readonly version: number
}

type Tried = Turn | { readonly load: readonly LogPart[], readonly config: GroupConfig }

/** One receive of a group, from the reading of its pages to the answer (groups §3.1, §8). */
export class Receiver {
  readonly #context: GroupContext
  readonly #name: GroupName
  readonly #queue: GroupQueue
  readonly #options: ReceiveOptions
  readonly #operation: Operation
  /** By which the server finds its own lease again. */
  readonly #key: string
  #tag: { readonly gen: string, readonly tag: string } | undefined
  /** Of writes that this receive took part in. */
  readonly #tries = { refusals: 0 }
  #item: TopicItem | undefined
  #hasLoaded = false
  /** Whether it has asked if it may wait, and it may. */
  #mayWait = false
  /** Where pages begin that were left to the shared ones. If these have been forgotten since, this receive reads by itself. */
  readonly #shared = new Set<Offset>()
  #loaded = new LoadedLog({ earliest: 1, end: 1 })

  constructor (
    context: GroupContext, name: GroupName, queue: GroupQueue, options: ReceiveOptions, operation: Operation
  ) {
    this.#context = context
    this.#name = name
    this.#queue = queue
    this.#options = options
    this.#operation = operation
    this.#key = options.key ?? context.randomHex(16)
  }

  /** @throws LogError */
  async receive (): Promise<ReceiveAnswer> {
    const { clock } = this.#context
    const cameAt = clock.monotonic()
    const { kept } = this.#queue
    const [glance] = await Promise.all([kept.young ?? kept.read(-Infinity, [this.#operation]), this.#readTopic()])
    await this.#preload(glance.group)
    const acks = Promise.all(this.#options.acks.map((part) => this.#ack(part)))
    try {
      return await this.#rounds(acks, cameAt)
    } catch (error) {
      // Its acks are written apart from it.
      throw this.#options.acks.length > 0 ? withAppliedUnknown(toLogError(error)) : error
    }
  }

  async #rounds (acks: Promise<ReceiveAnswer['acked']>, cameAt: Ms): Promise<ReceiveAnswer> {
    const { clock } = this.#context
    const until = cameAt + this.#options.waitMs
    for (let rounds = 1; ; rounds++) {
      // The state that was read for the first round is young enough to say that there is nothing.
      const turn = await this.#turn(rounds === 1 ? cameAt : clock.monotonic())
      const acked = await acks
      const { received, lines } = turn
      if (received.kind === 'leased') return this.#answer(turn, acked, received.lease, lines)
      if (received.kind === 'repeated') return this.#answer(turn, acked, received.lease, await this.#linesAgain(received.lease))
      const left = until - clock.monotonic()
      if (received.kind === 'progress') {
        if (rounds >= ROUNDS_MAX && left <= 0) return this.#answer(turn, acked)
        continue
      }
      if (left <= 0 && received.failure !== undefined) throw toLogError(received.failure)
      if (left <= 0 || this.#isEnded() || !this.#beginsWait()) return this.#answer(turn, acked)
      await this.#wait(turn, received, left)
      if (this.#isEnded()) return this.#answer(turn, acked)
    }
  }

  #beginsWait (): boolean {
    this.#mayWait ||= this.#options.mayWait?.() ?? true
    return this.#mayWait
  }

  #isEnded (): boolean {
    return this.#signals().some(({ aborted }) => aborted)
  }

  #signals (): AbortSignal[] {
    return [this.#operation.signal, this.#options.endsWait].filter((signal) => signal !== undefined)
  }

  async #readTopic (): Promise<void> {
    const { reads } = this.#queue
    const item = this.#item = await reads.readTopic(this.#operation)
    this.#loaded = new LoadedLog({ earliest: earliestOf(item), end: endOf(item) }, reads.pages)
  }

  /** Reads what the receive will need, as far as that is known, so that its turn does not end without it (groups §7.3). */
  async #preload (group: Group | undefined): Promise<void> {
    const now = this.#context.storeClock.now()
    if (now === undefined) return
    let view: View = { ...group ?? { gen: '', life: '', rev: 0, ...this.#made() }, now }
    for (const part of this.#options.acks) {
      try {
        view = { ...view, state: ack(view.state, view.life, part).state }
      } catch {}
    }
    for (let received = this.#receive(view); received.kind === 'load'; received = this.#receive(view)) {
      await this.#load(received.parts, view.config)
    }
  }

  /** Takes part in a write of the group, as often as pages had to be loaded. @param since as in the command */
  async #turn (since: Ms): Promise<Answered> {
    for (;;) {
      // Nobody would get the messages.
      if (this.#operation.signal?.aborted === true) throw new StoreError('timeout', 'none', 'the caller no longer waited for messages')
      const { answer, version } = await this.#queue.submitVersioned(this.#command(since), this.#operation)
      if (!('load' in answer)) {
        if (answer.expired > 0) this.#context.telemetry.groupLeasesExpired(this.#name, answer.expired)
        return { ...answer, version }
      }
      await this.#load(answer.load, answer.config)
    }
  }

  #command (since: Ms): Command<Tried> {
    return {
      kind: 'receive',
      repeatable: true,
      movesLetters: true,
      tries: this.#tries,
      since,
      make: () => this.#made(),
      apply: (view) => {
        const received = this.#receive(view)
        if (received.kind === 'load') return { answer: { load: received.parts, config: view.config }, tentative: true }
        const state = received.kind === 'leased' || received.kind === 'progress' ? received.state : view.state
        const lines = received.kind === 'leased' ? this.#linesAt(received.lease) : []
        const at = this.#context.clock.monotonic()
        const expired = view.state.leases.length + (received.kind === 'leased' ? 1 : 0) - state.leases.length
        return { state, answer: { received, lines, group: { life: view.life, state }, now: view.now, expired, at } }
      }
    }
  }

  #receive ({ gen, config, state, now }: View): Received {
    const { limit, maxBytes, leaseMs = config.leaseMs, consumer } = this.#options
    if (this.#tag?.gen !== gen) this.#tag = { gen, tag: tagOf(gen, this.#key) }
    const request = { tag: this.#tag.tag, limit, maxBytes, leaseMs, consumer }
    return receive(state, request, this.#loaded, now, { config, limits: this.#context.limits, bucketOf: this.#bucketOf(gen, config) })
  }

  #bucketOf (gen: string, { mode }: GroupConfig): BucketOf {
    if (mode !== 'keyed') return () => mode === 'exclusive' ? 0 : undefined
    return (line) => this.#queue.reads.bucketOf(gen, line)
  }

  #made (): Pick<Group, 'config' | 'state'> {
    return { config: defaultConfig(this.#name.topic, this.#context), state: newGroup(this.#loaded.earliest) }
  }

  /** @returns the answer, or the problem, which does not fail the receive */
  #ack (part: LeasePart): Promise<AckAnswer | LogError> {
    return submitAck(this.#context, this.#name, this.#queue, part, this.#operation).catch((error: unknown) => toLogError(error))
  }

  async #load (parts: readonly LogPart[], { mode }: GroupConfig): Promise<void> {
    const { log, limits } = this.#context
    const { reads } = this.#queue
    const { limit, maxBytes } = this.#options
    // With keys, many messages may be looked at and not be handed out. And if others were faster, what was read is theirs: read
    // ahead, or they will be faster again.
    const isMore = this.#tries.refusals > 0 || (mode === 'keyed' && this.#hasLoaded)
    this.#hasLoaded = true
    const most = isMore ? limits.groupScanMessages : limit
    const maxPageBytes = Math.min(maxBytes, limits.pageBytesMax)
    await forEachBounded(parts, limits.readConcurrency, async ({ from, end }) => {
      try {
        if (this.#shared.has(from)) {
          const size = { limit: Math.min(most, end - from, limits.pageMessagesMax), maxBytes: maxPageBytes }
          this.#loaded.add(from, await log.read(this.#name.topic, { from, ...size, item: this.#item }, this.#operation))
          return
        }
        // What comes next is what all the others want, too.
        const count = Math.min(end === Infinity ? most * this.#queue.users : most, end - from, limits.pageMessagesMax)
        const size = { limit: count, maxBytes: Math.min(maxPageBytes, limits.groupPagesBytes) }
        const page = await reads.load(from, size, this.#item, this.#operation)
        if (page === undefined) return
        if (!reads.share(from, page)) this.#loaded.add(from, page)
        else {
          this.#loaded.noteEnd(from, page)
          this.#shared.add(from)
        }
      } catch (error) {
        this.#loaded.failed(from, toLogError(error))
      }
    })
    await this.#options.holds?.(this.#loaded.bytes)
  }

  #linesAt ({ runs }: Lease): Uint8Array[] {
    const lines: Uint8Array[] = []
    for (const offset of offsetsOf(runs)) {
      const at = this.#loaded.at(offset)
      if (at?.kind === 'message') lines.push(at.line)
    }
    return lines
  }

  /** Of a lease that an earlier copy of the request got. What was removed since is missing. */
  async #linesAgain ({ runs }: Lease): Promise<Uint8Array[]> {
    const lines = await linesOf(this.#context, this.#name.topic, runs, this.#operation)
    return [...offsetsOf(runs)].flatMap((offset) => lines.get(offset) ?? [])
  }

  async #wait ({ group, now, version }: Answered, { dueAt, openAt, failure }: Nothing, leftMs: Ms): Promise<void> {
    // Nobody tells when a segment can be loaded again.
    const againMs = failure === undefined ? Infinity : this.#context.limits.groupPollMs
    const { earliest, end } = this.#loaded
    // What was looked at so far is not kept while it waits, and the item is outdated then.
    this.#item = undefined
    this.#loaded = new LoadedLog({ earliest, end }, this.#queue.reads.pages)
    await this.#options.holds?.(0)
    const due = dueAt === undefined ? Infinity : Math.max(dueAt - now.low, 0)
    const page = await waitForNews(this.#context, this.#queue.kept, {
      topic: this.#name.topic,
      from: openAt,
      size: { limit: this.#options.limit, maxBytes: this.#options.maxBytes },
      version,
      polls: pendingRuns(group.state).length > 0,
      ms: Math.min(due, againMs, leftMs),
      signals: this.#signals(),
      operation: this.#operation
    })
    if (page === undefined) return
    this.#loaded.add(openAt!, page)
    await this.#options.holds?.(this.#loaded.bytes)
  }

  #answer (
    { received, group: { life, state }, now, at }: Turn, acked: ReceiveAnswer['acked'], lease?: Lease, lines: readonly Uint8Array[] = []
  ): ReceiveAnswer {
    const committed = { acked, committedOffset: state.committed, lag: Math.max(0, this.#loaded.end - state.committed) }
    const leased = received.kind === 'leased' ? received.lease.runs : []
    const again = leased.filter(({ attempt }) => attempt > 1)
    this.#context.telemetry.groupReceived(this.#name, countOf(leased), countOf(again), committed.lag)
    if (lease === undefined) {
      const { waitingFor = 'messages', dueAt } = received.kind === 'nothing' ? received : {}
      const retryInMs = received.kind === 'progress' ? 0 : dueAt === undefined ? undefined : Math.max(0, Math.ceil(dueAt - now.low))
      return { lines, lease: undefined, ...committed, waitingFor, retryInMs }
    }
    const elapsed = this.#context.clock.monotonic() - at
    const answer = {
      id: encodeLeaseId(life, lease),
      expiresAt: lease.expires,
      expiresInMs: Math.max(0, Math.floor(lease.expires - now.high - elapsed)),
      redelivered: redeliveredOf(lease.runs)
    }
    return { lines, lease: answer, ...committed }
  }
}

export async function submitAck (
  { telemetry }: GroupContext, name: GroupName, queue: GroupQueue, part: LeasePart, operation: Operation
): Promise<AckAnswer> {
  const answer = await queue.submit(ackCommand(part), operation)
  telemetry.groupAcked(name, answer.acked)
  return answer
}

function ackCommand (part: LeasePart): Command<AckAnswer> {
  return {
    kind: 'settle',
    repeatable: true,
    movesLetters: true,
    apply: (view) => {
      const { state, answer } = ack(view.state, view.life, part)
      return { state, answer: { ...answer, committedOffset: state.committed } }
    }
  }
}

function redeliveredOf (runs: readonly Run[]): Redelivered[] {
  return runs.filter(({ attempt }) => attempt > 1).map(({ first, count, attempt }) => ({ first, last: first + count - 1, attempt }))
}
