import { isPassing, mayHaveTakenEffect } from '../../ports/errors.ts'
import type { GroupItem, GroupName, GroupWritten, StoreInstant } from '../../ports/group-store.ts'
import type { Ms } from '../../ports/units.ts'
import { toLogError } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import { repeated } from '../store-calls.ts'
import { sleep, within } from '../wait.ts'
import { encodeState } from './codec.ts'
import { encodeGroupConfig } from './config.ts'
import { groupOf, type Group, type GroupContext } from './group-context.ts'

const STORE = 'the group store'
/** Length of the text by which a writer recognizes its own write. */
const BY_BYTES = 8

/** A group as this process knows it. */
export interface Kept {
  /** `undefined` if there is none. */
  readonly group: Group | undefined
  readonly item: GroupItem | undefined
  /** Monotonic ms: this was what is stored at some time after it. */
  readonly readAt: Ms
}

export type WriteOutcome =
  | { readonly kind: 'written' }
  /** Nothing was changed. */
  | { readonly kind: 'refused' }
  /** It may have been applied, and others have changed the group since. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'failed', readonly error: unknown, readonly mayBeApplied: boolean }

/** The item of one group, as it was read or written last, and the calls that read and write it (groups §7.1, §7.2). */
export class KeptGroup {
  readonly #context: GroupContext
  readonly #name: GroupName
  readonly #listeners = new Set<() => void>()
  /** Number of changes of the group that this process has made or seen. */
  version = 0
  #kept: Kept | undefined
  /** How many wait for what others do. */
  #polls = 0
  #cancelPoll: (() => void) | undefined
  #series = 0
  #reading: { readonly startedAt: Ms, readonly kept: Promise<Kept> } | undefined
  /** Others are changing the group, so a write on what is kept would probably be refused. */
  #outdated = false

  constructor (context: GroupContext, name: GroupName) {
    this.#context = context
    this.#name = name
  }

  /** Calls back after each change of the group that this process makes or sees. @returns ends it */
  onChange (listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Reads the group at intervals, for all that wait, until the last of them ends it. @returns ends it */
  poll (everyMs: Ms): () => void {
    this.#polls++
    if (this.#polls === 1) this.#scheduleRead(everyMs, ++this.#series)
    let ended = false
    return () => {
      if (!ended && --this.#polls === 0) this.#cancelPoll?.()
      ended = true
    }
  }

  /** @param series of polls, which may end while one is under way, and another one begin */
  #scheduleRead (everyMs: Ms, series: number): void {
    const { clock } = this.#context
    const next = (): void => { if (this.#polls > 0 && series === this.#series) this.#scheduleRead(everyMs, series) }
    this.#cancelPoll = clock.timer(everyMs, () => {
      // A failure is told by whoever needs the group.
      this.read(clock.monotonic(), []).then(next, next)
    })
  }

  /** What is kept, if it is young enough to try a write on it. */
  get young (): Kept | undefined {
    const { clock, limits, storeClock } = this.#context
    if (this.#kept === undefined || this.#outdated || storeClock.now() === undefined) return undefined
    return clock.monotonic() - this.#kept.readAt > limits.groupStateKeptMs ? undefined : this.#kept
  }

  /** The next write is made on a state that is read before it. */
  distrust (): void {
    this.#outdated = true
  }

  /**
   * Reads, or waits for a read that began at or after `since`.
   * @param operations the call is counted in each
   * @throws LogError
   */
  read (since: Ms, operations: readonly Operation[]): Promise<Kept> {
    if (this.#reading === undefined || this.#reading.startedAt < since) {
      const startedAt = this.#context.clock.monotonic()
      const reading = { startedAt, kept: this.#read(startedAt, operations) }
      this.#reading = reading
      const ended = (): void => { if (this.#reading === reading) this.#reading = undefined }
      reading.kept.then(ended, ended)
    }
    return this.#reading.kept
  }

  async #read (startedAt: Ms, operations: readonly Operation[]): Promise<Kept> {
    const { limits, store } = this.#context
    try {
      const { item } = await repeated(this.#context, limits.getTimeoutMs, STORE, (signal) => (
        this.#heard('state', operations, () => store.read(this.#name, { signal }))))
      this.#outdated = false
      return this.#keep(item, startedAt)
    } catch (error) {
      throw toLogError(error)
    }
  }

  /**
   * Writes the group in place of `base`, and repeats that as long as it has no answer (groups §7.1).
   * @param deadline monotonic ms, after which it is not repeated
   */
  async write (group: Group, base: Kept, deadline: Ms, operations: readonly Operation[]): Promise<WriteOutcome> {
    const { clock, limits, store, random, randomHex } = this.#context
    const { gen, rev, config, state } = group
    const item = { gen, rev: rev + 1, by: randomHex(BY_BYTES), config: encodeGroupConfig(config), state: encodeState(state) }
    let unanswered = false
    for (let attempt = 1; ; attempt++) {
      const startedAt = clock.monotonic()
      const timeoutMs = Math.min(limits.getTimeoutMs, Math.max(deadline - startedAt, limits.groupRetryMaxMs))
      let answer: GroupWritten
      try {
        answer = await within(clock, timeoutMs, STORE, (signal) => (
          this.#heard('reserve', operations, () => store.write(this.#name, item, base.item ?? null, { signal }))))
      } catch (error) {
        unanswered ||= mayHaveTakenEffect(error)
        if (!isPassing(error) || clock.monotonic() >= deadline) return { kind: 'failed', error, mayBeApplied: unanswered }
        if (unanswered && base.item === undefined) {
          // Sent again, it could make this life of the group a second time, after a deletion.
          this.#outdated = true
          return { kind: 'unknown' }
        }
        await sleep(clock, random() * Math.min(limits.groupRetryMs * 2 ** attempt, limits.groupRetryMaxMs))
        continue
      }
      if (answer.kind === 'written' || answer.item?.by === item.by) {
        this.#kept = { item, group: { ...group, rev: item.rev }, readAt: startedAt }
        this.#changed()
        return { kind: 'written' }
      }
      this.#keep(answer.item, startedAt)
      // Somebody has made the next version in place of this one. Otherwise this one may have been the next, and others have
      // followed: it had no answer, or something between here and the store has sent it twice.
      const isNext = answer.item?.gen === gen && answer.item.rev === item.rev
      return { kind: isNext ? 'refused' : 'unknown' }
    }
  }

  #keep (item: GroupItem | undefined, readAt: Ms): Kept {
    const before = this.#kept
    // A read that was overtaken by a write of this process.
    if (before?.item !== undefined && before.item.gen === item?.gen && before.item.rev > item.rev) return before
    const isSame = before !== undefined && before.item?.gen === item?.gen && before.item?.rev === item?.rev
    const group = isSame ? before.group : item === undefined ? undefined : groupOf(item, this.#name)
    this.#kept = { group, item, readAt }
    if (!isSame) this.#changed()
    return this.#kept
  }

  #changed (): void {
    this.version++
    for (const listener of [...this.#listeners]) listener()
  }

  /** One call, which is counted. Its answer tells the store's time. */
  async #heard<Answer extends { readonly now: StoreInstant }> (
    kind: 'state' | 'reserve', operations: readonly Operation[], call: () => Promise<Answer>
  ): Promise<Answer> {
    const { clock, storeClock } = this.#context
    for (const { calls } of operations) calls[kind]++
    const calledAt = clock.monotonic()
    const answer = await call()
    storeClock.heard(answer.now, calledAt)
    return answer
  }
}
