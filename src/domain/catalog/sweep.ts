import type { Clock } from '../../ports/clock.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { LogError } from '../errors.ts'
import { toLogError } from '../log/log.ts'
import { addCallCounts, forEachBounded, StoreCalls, type CallCounts, type CallDeps } from '../store-calls.ts'
import { namesAfter, type NameStores } from './names.ts'
import { TopicSweep, type KnownTime, type TopicSweepDeps } from './topic-sweep.ts'

export interface SweepDeps extends CallDeps, NameStores, Omit<TopicSweepDeps, keyof NameStores> {
  readonly records: RecordStore
}

export interface SweepOptions {
  /** Finds out what would be removed, and changes nothing. */
  readonly dryRun?: boolean
  /** Where an earlier sweep stopped. */
  readonly after?: string
  /** Begin where the latest sweep with this option stopped, in whatever process, and keep where this one stops. */
  readonly resume?: boolean
  /** After this time nothing more is begun, ms. What was begun takes a few calls more. */
  readonly timeMs?: number
  /** When it is aborted, the same. */
  readonly signal?: AbortSignal
  /** Topics at one time; 4 by default. */
  readonly concurrency?: number
}

export interface SweptTopic {
  readonly topic: string
  /** The new earliest offset, if messages were removed; in a dry run, the one that it would be. */
  readonly before: number | undefined
  /** What was removed, segments below the old earliest offset included. */
  readonly segments: number
  /** As stored. */
  readonly bytes: number
  readonly calls: CallCounts
  /** More would have been removed if there had been time. */
  readonly cutShort: boolean
  /** Why the sweep of this topic failed. */
  readonly error?: LogError
}

export interface Swept {
  /** How many topics were looked at. */
  readonly topics: number
  /** Those of which something was removed, or that failed or were cut short. At most {@link RESULTS_MAX}. */
  readonly results: readonly SweptTopic[]
  /** Expired records that were removed. */
  readonly records: number
  /** All calls to the stores. */
  readonly calls: CallCounts
  /** Where the next sweep should go on; absent if all topics were looked at. May be empty: from the beginning. */
  readonly next?: string
  /** Why it ended early, if not for lack of time; or why expired records were not removed. */
  readonly error?: LogError
}

const TOPICS_LISTED = 1_000
const RECORDS_REMOVED = 1_000
/** After so many results a sweep stops, and is to be continued. */
export const RESULTS_MAX = 10_000
/** After so many topics in a row have failed a sweep stops: the store does not work. */
const FAILURES_MAX = 10

/** Removes what may go of all topics, and expired records (log §5). Any number of processes may do so at the same time. */
export function sweep (deps: SweepDeps, options: SweepOptions = {}): Promise<Swept> {
  return new Sweep(deps, options).run()
}

class Sweep {
  readonly #deps: SweepDeps
  readonly #options: SweepOptions
  readonly #deadline: number
  readonly #calls: StoreCalls
  readonly #time: KnownTime
  readonly #results: SweptTopic[] = []
  #topics = 0
  #records = 0
  #failures = 0
  #error: LogError | undefined
  #recordsError: LogError | undefined

  constructor (deps: SweepDeps, options: SweepOptions) {
    this.#deps = deps
    this.#options = options
    this.#deadline = deps.clock.monotonic() + (options.timeMs ?? Infinity)
    this.#calls = new StoreCalls(deps, this.#deadline, options.signal)
    this.#time = knownTime(deps.clock)
  }

  async run (): Promise<Swept> {
    let next: string | undefined = this.#options.after ?? ''
    try {
      if (next === '' && this.#options.dryRun !== true) await this.#removeRecords()
      while (next !== undefined && !this.#stops) next = await this.#sweepPage(next)
    } catch (error) {
      this.#error ??= toLogError(error)
    }
    const error = this.#error ?? this.#recordsError
    return {
      topics: this.#topics,
      results: this.#results,
      records: this.#records,
      calls: this.#calls.counts,
      ...next !== undefined && { next },
      ...error !== undefined && { error }
    }
  }

  get #stops (): boolean { return this.#calls.late || this.#results.length >= RESULTS_MAX || this.#error !== undefined }

  /** @returns where to go on, `undefined` at the end */
  async #sweepPage (after: string): Promise<string | undefined> {
    const { names, next } = await namesAfter(this.#calls, this.#deps, after, TOPICS_LISTED)
    let done = names.length
    await forEachBounded(names, this.#options.concurrency ?? 4, async (topic, index) => {
      if (this.#stops || !await this.#sweepTopic(topic)) done = Math.min(done, index)
    })
    if (done === names.length) return next
    return names[done - 1] ?? after
  }

  /** @returns false if it was cut short */
  async #sweepTopic (topic: string): Promise<boolean> {
    const calls = new StoreCalls(this.#deps, this.#deadline, this.#options.signal)
    const swept = new TopicSweep(this.#deps, topic, calls, this.#time, this.#options.dryRun === true)
    let failure: LogError | undefined
    try {
      await swept.run()
      this.#failures = 0
    } catch (error) {
      failure = toLogError(error)
      if (++this.#failures >= FAILURES_MAX) this.#error ??= failure
    }
    this.#topics++
    addCallCounts(this.#calls.counts, calls.counts)
    const { before, segments, bytes, cutShort } = swept
    if (segments > 0 || before !== undefined || cutShort || failure !== undefined) {
      this.#results.push({ topic, before, segments, bytes, calls: calls.counts, cutShort, ...failure !== undefined && { error: failure } })
    }
    return !cutShort
  }

  /** A failure does not keep the topics from being swept: what they free may be what is lacking. */
  async #removeRecords (): Promise<void> {
    const { records, clock } = this.#deps
    const remove = (): Promise<number> => this.#calls.make('write', 'the record store', (signal) => (
      records.removeExpired(clock.wall(), RECORDS_REMOVED, { signal })))
    try {
      for (let removed = RECORDS_REMOVED; removed === RECORDS_REMOVED && !this.#calls.late;) {
        removed = await remove()
        this.#records += removed
      }
    } catch (error) {
      this.#recordsError = toLogError(error)
    }
  }
}

/** The segment store's time since its latest listing, by this process's monotonic clock. */
function knownTime (clock: Clock): KnownTime {
  let ahead: number | undefined
  return {
    learn (now) { ahead = now - clock.monotonic() },
    now: () => ahead === undefined ? undefined : clock.monotonic() + ahead
  }
}
