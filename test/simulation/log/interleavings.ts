import { hash } from 'node:crypto'
import type { Clock } from '../../../src/ports/clock.ts'
import type { RecordStore } from '../../../src/ports/record-store.ts'
import type { SegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import { Violation } from '../engine/scheduler.ts'
import { Checker } from './checker.ts'
import type { Subject } from './workload.ts'

/**
 * What happens to the next call of a process. `lost`: applied, and the caller hears of a broken connection; `never`: not applied,
 * and the caller hears the same. For a call that changes nothing they are one.
 */
type Fate = 'ok' | 'lost' | 'never' | 'crash'

/** What one process does; it is over when the promise is. */
export type Role = { readonly append: number } | { readonly reads: number, readonly limit: number }

export interface SmallCase {
  readonly roles: readonly Role[]
  /** How many calls, of all processes together, may meet with another fate than `ok`. */
  readonly faults: number
}

/** Small enough to be explored in a second. */
export const twoWritersAndAReader: SmallCase = { roles: [{ append: 2 }, { append: 1 }, { reads: 1, limit: 10 }], faults: 0 }

interface Pending {
  readonly who: number
  readonly what: string
  readonly changes: boolean
  readonly apply: () => Promise<unknown>
  readonly settle: (fate: Fate, result: unknown, error: Error | undefined) => void
}

const topic = 't'

/**
 * All interleavings of the calls of a few processes, with every fault at every place, to the end: depth-first over the
 * schedules, each run from the start. A state is what the stores hold and what each process has heard so far (the code
 * is deterministic, so that decides what it does next; a crashed process hears nothing); one that was seen before is not entered again.
 *
 * There is no time here: the store's clock goes 6 s at each call, so every hole is old enough to be sealed, and no
 * deadline comes; a time-out is the fate `lost` or `never`.
 * @returns how many different states there are
 * @throws Violation, with the schedule that leads to it
 */
export async function explore (subject: Subject, small: SmallCase, statesMax = 2_000_000): Promise<number> {
  const seen = new Set<string>()
  const stack: number[][] = [[]]
  while (stack.length > 0) {
    const schedule = stack.pop()!
    const run = new SmallRun(subject, small)
    try {
      await run.start()
      for (const choice of schedule) await run.choose(choice)
      for (;;) {
        const choices = run.choices()
        if (choices.length === 0) { await run.finish(); break }
        const key = await run.key()
        if (seen.has(key)) break
        seen.add(key)
        if (seen.size > statesMax) throw new Error(`more than ${statesMax} states`)
        for (let i = choices.length - 1; i >= 1; i--) stack.push([...run.taken, i])
        await run.choose(0)
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      throw new Violation(`${error.message}\n${run.story.join('\n')}`)
    }
  }
  return seen.size
}

class SmallRun {
  readonly taken: number[] = []
  readonly story: string[] = []
  readonly #subject: Subject
  readonly #small: SmallCase
  readonly #pending = new Map<number, Pending>()
  readonly #heard: string[]
  readonly #checker = new Checker()
  readonly #segments: SegmentStore
  readonly #topics: TopicStore
  readonly #records: RecordStore
  readonly #stored: string[] = []
  #time = 0
  #faults = 0
  #failure: unknown

  constructor (subject: Subject, small: SmallCase) {
    this.#subject = subject
    this.#small = small
    this.#heard = small.roles.map(() => '')
    this.#segments = subject.createMemorySegmentStore(() => this.#time)
    this.#topics = subject.createMemoryTopicStore(() => this.#time)
    this.#records = subject.createMemoryRecordStore()
  }

  async start (): Promise<void> {
    for (const [who, role] of this.#small.roles.entries()) {
      const log = this.#log(who, who + 1)
      const work = 'append' in role ? this.#append(log, `w${who}`, role.append) : this.#read(log, `r${who}`, role)
      work.catch((error: unknown) => { this.#failure ??= error })
    }
    await this.#settle()
  }

  choices (): Array<{ call: Pending, fate: Fate }> {
    const faulty = this.#faults < this.#small.faults
    return [...this.#pending.values()].flatMap((call) => {
      const fates: readonly Fate[] = !faulty ? ['ok'] : call.changes ? ['ok', 'lost', 'never', 'crash'] : ['ok', 'lost', 'crash']
      return fates.map((fate) => ({ call, fate }))
    })
  }

  async choose (i: number): Promise<void> {
    const { call, fate } = this.choices()[i]!
    this.taken.push(i)
    this.#time += 6_000
    this.#pending.delete(call.who)
    if (fate !== 'ok') this.#faults++
    let result: unknown
    let error: Error | undefined
    if (fate !== 'never') await call.apply().then((value) => { result = value }, (reason: Error) => { error = reason })
    const said = JSON.stringify(error === undefined ? result ?? null : error.message)
    this.#heard[call.who] += `|${call.what}:${heardOf(fate, said)}`
    this.story.push(`process ${call.who}: ${call.what} -> ` +
      `${fate === 'ok' ? '' : fate.toUpperCase() + ' '}${fate === 'never' ? '' : said.slice(0, 90)}`)
    if (fate !== 'crash') call.settle(fate, result, error)
    await this.#settle()
  }

  async key (): Promise<string> {
    const item = await this.#topics.read(topic)
    const shown = withoutTimes(JSON.stringify(item === undefined ? null : { ...item, producers: [...item.producers] }))
    return hash('sha1', [...this.#heard, this.#stored.toSorted().join(' '), shown].join('\n'), 'base64')
  }

  /** With nobody left, a new reader must get to the end, and see everything that was acknowledged. */
  async finish (): Promise<void> {
    const log = this.#log(-1, 9)
    let at = 1
    const end = await log.position(topic, 'latest')
    for (let polls = 0; at < end; polls++) {
      if (polls > 20) throw new Violation(`an undisturbed reader is still at ${at} of ${end}`)
      this.#time += 6_000
      const start = this.#checker.startRead()
      const page = await log.read(topic, { from: at, limit: 100, maxBytes: 1_000_000 })
      this.#checker.page('inspector', start, at, page)
      at = page.nextOffset
    }
    this.#checker.whole()
  }

  async #settle (): Promise<void> {
    await new Promise(setImmediate)
    if (this.#failure !== undefined) throw this.#failure instanceof Error ? this.#failure : new Error('failed')
  }

  /** @param who `-1` for a process whose calls are answered at once */
  #log (who: number, seed: number): ReturnType<Subject['createLog']> {
    const call = <T>(changes: boolean, what: string, apply: () => Promise<T>): Promise<T> => who === -1
      ? apply()
      : new Promise<T>((resolve, reject) => {
        this.#pending.set(who, {
          who,
          what,
          changes,
          apply,
          settle: (fate, result, error) => {
            if (fate !== 'ok') reject(new this.#subject.StoreError('unavailable', 'unknown', 'connection reset'))
            else if (error !== undefined) reject(error)
            else resolve(result as T)
          }
        })
      })
    const segments: SegmentStore = {
      ...this.#segments,
      putIfAbsent: (t, last, object, options) => call(true, `put ${object.metadata['first'] ?? 'seal'}…${last}`, async () => {
        const result = await this.#segments.putIfAbsent(t, last, object, { ...options, reservedAtMs: null })
        if (result === 'created') {
          this.#stored.push(`${last}:${object.metadata['writer'] ?? 'hole'}:${object.metadata['sealed'] ?? ''}`)
          if (object.metadata['sealed'] === undefined) this.#checker.stored(Number(object.metadata['first']), last)
        }
        return result
      }),
      get: (t, last) => call(false, `get ${last}`, () => this.#segments.get(t, last)),
      list: (t, from, limit) => call(false, `list ${from}`, () => this.#segments.list(t, from, limit))
    }
    const topics: TopicStore = {
      ...this.#topics,
      reserve: (t, wanted, belief) => call(true, `reserve ${wanted.count}`, () => this.#topics.reserve(t, wanted, belief, { now: this.#time })),
      read: (t) => call(false, 'item', () => this.#topics.read(t)),
      markClosed: (t, closing) => call(true, 'mark closed', () => this.#topics.markClosed(t, closing)),
      raiseEarliest: (t, to, resolved) => call(true, 'raise earliest', () => this.#topics.raiseEarliest(t, to, resolved))
    }
    const records: RecordStore = {
      ...this.#records,
      read: (name) => call(false, 'record', () => this.#records.read(name)),
      replace: (name, record, seen, options) => call(true, 'replace record', () => this.#records.replace(name, record, seen, options))
    }
    const clock: Clock = {
      wall: () => 0,
      monotonic: () => 0,
      // Delays before a retry pass at once; time-outs never come.
      timer: (ms, callback) => {
        if (ms <= this.#subject.defaultLimits.retryDelayMaxMs) queueMicrotask(callback)
        return () => {}
      },
      afterCurrentInput: queueMicrotask
    }
    const limits = { ...this.#subject.defaultLimits, readConcurrency: 1, segmentCacheBytes: 0 }
    return this.#subject.createLog({ segments, topics, records, clock, compression: 'none', limits, random: () => seed / 10 })
  }

  async #append (log: ReturnType<Subject['createLog']>, id: string, count: number): Promise<void> {
    const append = this.#checker.startAppend(id, count)
    try {
      const { first, last } = await log.append(topic, Array.from({ length: count }, (_, i) => ({ payload: `"${id}.${i}"` })))
      this.#checker.acknowledged(append, first, last)
      this.story.push(`${id} acknowledged at ${first}…${last}`)
    } catch (error) {
      const { written } = error as { written?: 'no' | 'unknown' }
      if (written === undefined) throw error
      this.#checker.failed(append, written)
      this.story.push(`${id}: written: ${written}`)
    }
  }

  async #read (log: ReturnType<Subject['createLog']>, id: string, role: { reads: number, limit: number }): Promise<void> {
    let at = 1
    for (let n = 0; n < role.reads; n++) {
      const start = this.#checker.startRead()
      try {
        const page = await log.read(topic, { from: at, limit: role.limit, maxBytes: 1_000_000 })
        this.#checker.page(id, start, at, page)
        at = page.nextOffset
        this.story.push(`${id} goes on at ${at}`)
      } catch (error) {
        if ((error as Error).name !== 'LogError' || ['internal', 'segment_corrupt'].includes((error as { code: string }).code)) throw error
      }
    }
  }
}

/** What the caller of a call with that fate hears. */
function heardOf (fate: Fate, said: string): string {
  return fate === 'ok' ? withoutTimes(said) : fate === 'crash' ? 'dead' : 'broken'
}

/** Times differ between schedules that are alike in everything else. */
function withoutTimes (json: string): string {
  return json.replace(/"(reservedAtMs|createdAtMs|lastModified|now)":\d+/g, '')
}
