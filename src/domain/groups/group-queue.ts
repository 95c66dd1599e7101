import type { GroupName, StoreInstant } from '../../ports/group-store.ts'
import type { TraceSpan } from '../../ports/traces.ts'
import type { Ms } from '../../ports/units.ts'
import { type LogError, withAppliedUnknown } from '../errors.ts'
import { toLogError } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import { sleep, unlessLater } from '../wait.ts'
import type { GroupConfig } from './config.ts'
import { claimMove } from './dead-letters.ts'
import type { Group, GroupContext } from './group-context.ts'
import { KeptGroup, type Kept } from './kept-group.ts'
import { lifeOf } from './lease-id.ts'
import { contended, notFound } from './refusals.ts'
import { SharedReads } from './shared-reads.ts'
import { countDead, type GroupState } from './state.ts'

const GEN_BYTES = 16
/** After a longer delay, what a refusal has told is outdated, too (groups §7.1). */
const OUTDATED_MS = 30

/** What a command finds. `rev` 0: the group is being made by this command. */
export interface View extends Group { readonly now: StoreInstant }

export interface Outcome<Answer> {
  readonly config?: GroupConfig
  /** The same object as in the view if nothing has changed. */
  readonly state?: GroupState
  readonly answer: Answer
  /** The answer says nothing about the group: it is given at once, from whatever state. */
  readonly tentative?: boolean
}

/** A command to a group: a pure function of what it finds. It is called again if the group was changed meanwhile. */
export interface Command<Answer> {
  /** Commands that settle are applied before receives, so that a late ack counts if nobody has taken the lease away. */
  readonly kind: 'settle' | 'receive'
  /** Whether the command may be applied again after a write whose outcome is not known. */
  readonly repeatable: boolean
  /** What a new group is, if the command makes one. */
  readonly make?: (() => Pick<Group, 'config' | 'state'>) | undefined
  /** Counts refused writes, for commands that are submitted several times. */
  readonly tries?: { refusals: number }
  /** Monotonic ms: an answer without a write comes from a read that began at or after it; when it was submitted, by default. */
  readonly since?: Ms
  /** Whether a batch of dead letters that this command finds is to be moved. */
  readonly movesLetters: boolean
  /** @throws LogError as the answer */
  apply (view: View): Outcome<Answer>
}

interface Waiting {
  readonly command: Command<unknown>
  readonly operation: Operation
  readonly span: TraceSpan | undefined
  readonly arrivedAt: Ms
  readonly tries: { refusals: number }
  /** By a write whose outcome is not known. */
  mayBeApplied: boolean
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

type Answered = { readonly waiting: Waiting } & ({ readonly answer: unknown } | { readonly error: LogError })

/** The commands of a batch, applied one after the other. */
interface Applied {
  /** `undefined` if there is none, and none was made. */
  readonly group: Group | undefined
  readonly changed: boolean
  /** To be given when the group is written, or known to be as it was read. */
  readonly answers: readonly Answered[]
  /** Whether this process is to move the first batch of dead letters after the write. */
  readonly claims: boolean
}

/**
 * The commands to one group in this process (groups §7). While a write is under way, commands gather, and share the next one.
 * A write is conditional on the state to which the commands were applied; if it is refused, they are applied anew.
 */
export class GroupQueue {
  readonly kept: KeptGroup
  readonly reads: SharedReads
  /** How many operations use the queue. */
  users = 0
  isForgetting = false
  readonly #context: GroupContext
  readonly #name: GroupName
  readonly #moveLetters: () => Promise<void>
  #waiting: Waiting[] = []
  #running = false

  /** @param moveLetters moves the first batch of dead letters. Called after a write that has claimed it */
  constructor (context: GroupContext, name: GroupName, moveLetters: () => Promise<void>) {
    this.kept = new KeptGroup(context, name)
    this.reads = new SharedReads(context, name.topic)
    this.#context = context
    this.#name = name
    this.#moveLetters = moveLetters
  }

  get isRunning (): boolean { return this.#running }

  /** @throws LogError the command's, `group_not_found`, `group_contended`, `group_corrupt`, or the store's */
  async submit<Answer> (command: Command<Answer>, operation: Operation): Promise<Answer> {
    return (await this.submitVersioned(command, operation)).answer
  }

  /** @returns also the version of `kept` at the time of the answer, so that no later change is missed */
  submitVersioned<Answer> (command: Command<Answer>, operation: Operation): Promise<{ readonly answer: Answer, readonly version: number }> {
    return new Promise((resolve, reject) => {
      const arrivedAt = this.#context.clock.monotonic()
      const answer = (value: unknown): void => { resolve({ answer: value as Answer, version: this.kept.version }) }
      const { tries = { refusals: 0 } } = command
      const span = this.#context.traces?.current()
      this.#waiting.push({ command, operation, span, arrivedAt, tries, mayBeApplied: false, resolve: answer, reject })
      if (this.#running) return
      this.#running = true
      // What is submitted together shares the first write, too.
      queueMicrotask(() => { this.#run() })
    })
  }

  #run (): void {
    this.#work().catch((error: unknown) => {
      this.#running = false
      for (const { reject } of this.#waiting.splice(0)) reject(toLogError(error))
    })
  }

  async #work (): Promise<void> {
    const { clock, limits, random } = this.#context
    let refusals = 0
    while (this.#waiting.length > 0) {
      const batch = this.#batch()
      const base = await this.#base(batch)
      if (base === undefined) continue
      const now = this.#context.storeClock.now()
      // The process has stood still since the answer.
      if (now === undefined) continue
      const applied = this.#apply(batch, base, now)
      if (!applied.changed) {
        this.#answerUnchanged(applied, base)
        continue
      }
      if (await this.#traced('write group', batch, () => this.#write(applied, base))) {
        refusals = 0
        continue
      }
      const delay = random() * Math.min(limits.groupRetryMs * 2 ** refusals++, limits.groupRetryMaxMs)
      if (delay > OUTDATED_MS) this.kept.distrust()
      await sleep(clock, delay)
    }
    this.#running = false
  }

  /** Calls for a batch belong to the traces of its commands, not to the trace of the command that found the queue idle. */
  #traced<T> (name: string, batch: readonly Waiting[], work: () => Promise<T>): Promise<T> {
    const { traces } = this.#context
    return traces === undefined ? work() : traces.shared(name, this.#name.topic, batch.map(({ span }) => span), work)
  }

  /** Settling commands as they came, then receives. */
  #batch (): Waiting[] {
    const batch = this.#waiting.slice(0, this.#context.limits.groupCommandsMax)
    return [...batch.filter(({ command }) => command.kind === 'settle'), ...batch.filter(({ command }) => command.kind === 'receive')]
  }

  /** The state to apply the commands to; `undefined` if it can't be read: then the commands have failed. */
  async #base (batch: readonly Waiting[]): Promise<Kept | undefined> {
    const { young } = this.kept
    // A write of one that is not repeatable must not be refused by more than one other: then it could have been applied.
    if (young !== undefined && batch.every(({ command }) => command.repeatable)) return young
    try {
      return await this.#traced('read group', batch,
        () => this.kept.read(this.#context.clock.monotonic(), batch.map(({ operation }) => operation)))
    } catch (error) {
      this.#answer(batch.map((waiting) => ({ waiting, error: failureOf(waiting, error) })))
      return undefined
    }
  }

  #apply (batch: readonly Waiting[], { group: before }: Kept, now: StoreInstant): Applied {
    const answers: Answered[] = []
    const tentative: Answered[] = []
    let group = before
    let moves = false
    for (const waiting of batch) {
      const { command } = waiting
      try {
        const found = group ?? this.#made(command)
        const outcome = command.apply({ ...found, now })
        if (outcome.tentative === true) {
          tentative.push({ waiting, answer: outcome.answer })
          continue
        }
        const { config = found.config, state = found.state, answer } = outcome
        if (group === undefined || config !== found.config || state !== found.state) group = { ...found, config, state }
        moves ||= command.movesLetters
        answers.push({ waiting, answer })
      } catch (error) {
        answers.push({ waiting, error: toLogError(error) })
      }
    }
    this.#answer(tentative)
    const claims = moves && group !== undefined && group.state.dead.length > 0 && group.state.movedUntil <= now.low
    if (claims) group = { ...group!, state: claimMove(group!.state, now.high + this.#context.limits.deadLetterClaimMs) }
    return { group, changed: group !== before, answers, claims }
  }

  #made ({ make }: Command<unknown>): Group {
    if (make === undefined) throw notFound(this.#name)
    const gen = this.#context.randomHex(GEN_BYTES)
    return { gen, life: lifeOf(gen), rev: 0, ...make() }
  }

  /** Answers that come from a read that began after the command came. For the others, the group is read again (groups §7.2). */
  #answerUnchanged ({ answers }: Applied, { readAt }: Kept): void {
    const known = answers.filter(({ waiting }) => readAt >= (waiting.command.since ?? waiting.arrivedAt))
    this.#answer(known)
    if (known.length < answers.length) this.kept.distrust()
  }

  /** @returns whether the group is written, or the commands have failed; otherwise they are to be applied anew */
  async #write ({ group, answers, claims }: Applied, base: Kept): Promise<boolean> {
    const { clock, limits } = this.#context
    const deadline = Math.min(...answers.map(({ waiting }) => waiting.arrivedAt)) + limits.groupSettleMs
    const operations = answers.map(({ waiting }) => waiting.operation)
    const outcome = await this.kept.write(group!, base, deadline, operations)
    switch (outcome.kind) {
      case 'written':
        this.#reportDead(group!.state, base.group?.state)
        this.#written(answers, claims)
        return true
      case 'failed':
        for (const { waiting } of answers) waiting.mayBeApplied ||= outcome.mayBeApplied
        this.#answer(answers.map(({ waiting }) => ({ waiting, error: failureOf(waiting, outcome.error) })))
        return true
      case 'unknown': {
        for (const { waiting } of answers) waiting.mayBeApplied = true
        const lost = answers.filter(({ waiting }) => !waiting.command.repeatable)
        this.#answer(lost.map(({ waiting }) => ({ waiting, error: failureOf(waiting, contended()) })))
        break
      }
      case 'refused':
    }
    for (const { waiting } of answers) waiting.tries.refusals++
    const tired = answers.filter(({ waiting: { command, tries, arrivedAt } }) => command.kind === 'receive'
      ? tries.refusals >= limits.groupReceiveAttemptsMax
      : clock.monotonic() - arrivedAt >= limits.groupSettleMs)
    const left = tired.filter(({ waiting }) => this.#waiting.includes(waiting))
    this.#answer(left.map(({ waiting }) => ({ waiting, error: failureOf(waiting, contended()) })))
    return false
  }

  /** Batches are added at the end, and taken out at the beginning. */
  #reportDead ({ dead, deadSeq }: GroupState, before: GroupState | undefined): void {
    const batches = Math.min(dead.length, deadSeq - (before?.deadSeq ?? 0))
    if (batches > 0) this.#context.telemetry.groupDeadLettered(this.#name, countDead({ dead: dead.slice(-batches) }))
  }

  #written (answers: readonly Answered[], claims: boolean): void {
    if (!claims) {
      this.#answer(answers)
      return
    }
    const { clock, limits, runsOn } = this.#context
    // A failure leaves the batch to whoever comes after the claim.
    const moved = this.#moveLetters().catch(() => {})
    if (runsOn) this.#answer(answers)
    else {
      this.#take(answers)
      unlessLater(clock, limits.deadLetterMoveMs, moved, undefined).then(() => { settle(answers) }, () => {})
    }
  }

  #answer (answers: readonly Answered[]): void {
    this.#take(answers)
    settle(answers)
  }

  #take (answers: readonly Answered[]): void {
    if (answers.length === 0) return
    const answered = new Set(answers.map(({ waiting }) => waiting))
    this.#waiting = this.#waiting.filter((waiting) => !answered.has(waiting))
  }
}

function settle (answers: readonly Answered[]): void {
  for (const answered of answers) {
    if ('error' in answered) answered.waiting.reject(answered.error)
    else answered.waiting.resolve(answered.answer)
  }
}

/** A receive whose write may have been applied leaves at worst a lease that nobody knows, and that runs out. */
function failureOf ({ command, mayBeApplied }: Waiting, cause: unknown): LogError {
  const error = toLogError(cause)
  return mayBeApplied && command.kind === 'settle' ? withAppliedUnknown(error) : error
}
