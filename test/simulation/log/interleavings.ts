import { hash } from 'node:crypto'
import type { LogError } from '../../../src/domain/errors.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { RecordStore } from '../../../src/ports/record-store.ts'
import type { SegmentObject, SegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import { Violation } from '../engine/scheduler.ts'
import { Checker } from './checker.ts'
import type { Identity } from './identities.ts'
import type { Subject } from './workload.ts'

/**
 * What happens to the next call of a process. `lost`: applied, and the caller hears of a broken connection; `never`: not applied,
 * and the caller hears the same. For a call that changes nothing they are one.
 */
type Fate = 'ok' | 'lost' | 'never' | 'crash'

/** What one process does; it is over when the promise is. */
export type Role =
  | { readonly append: number }
  | { readonly reads: number, readonly limit: number }
  /** Appends with an identity, each of one message, all at once. Two processes that send the same one send copies. */
  | { readonly send: readonly Identity[] }
  | { readonly expectedOffset: number }
  /** With so many messages. */
  | { readonly close: number }
  | { readonly trimTo: number }

export interface SmallCase {
  readonly roles: readonly Role[]
  /** How many calls, of all processes together, may meet with another fate than `ok`. */
  readonly faults: number
  readonly limits?: Partial<Limits>
}

/** Small enough to be explored in a second. */
export const twoWritersAndAReader: SmallCase = { roles: [{ append: 2 }, { append: 1 }, { reads: 1, limit: 10 }], faults: 0 }

interface Pending {
  readonly id: number
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
  readonly #dead = new Set<number>()
  readonly #heard: string[]
  readonly #checker = new Checker()
  readonly #segments: SegmentStore
  readonly #topics: TopicStore
  readonly #records: RecordStore
  readonly #stored: string[] = []
  #time = 0
  #calls = 0
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
      this.#play(role, log, who).catch((error: unknown) => { this.#failure ??= error })
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
    this.#pending.delete(call.id)
    if (fate !== 'ok') this.#faults++
    let result: unknown
    let error: Error | undefined
    if (fate !== 'never') await call.apply().then((value) => { result = value }, (reason: Error) => { error = reason })
    const said = show(error === undefined ? result ?? null : error.message)
    this.#heard[call.who] += `|${call.what}:${heardOf(fate, said)}`
    this.story.push(`process ${call.who}: ${call.what} -> ` +
      `${fate === 'ok' ? '' : fate.toUpperCase() + ' '}${fate === 'never' ? '' : said.slice(0, 90)}`)
    if (fate === 'crash') this.#crash(call.who)
    else call.settle(fate, result, error)
    await this.#settle()
  }

  #crash (who: number): void {
    this.#dead.add(who)
    for (const [id, call] of this.#pending) if (call.who === who) this.#pending.delete(id)
  }

  async key (): Promise<string> {
    const item = await this.#topics.read(topic)
    const pending = [...this.#pending.values()].map(({ who, what }) => `${who}: ${what}`).sort()
    const stored = [...this.#stored].sort()
    return hash('sha1', [...this.#heard, ...stored, ...pending, withoutTimes(show(item ?? null))].join('\n'), 'base64')
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
    this.#checker.identities.whole()
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
        if (this.#dead.has(who)) return
        const id = ++this.#calls
        this.#pending.set(id, {
          id,
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
          if (object.metadata['sealed'] === undefined) {
            const first = Number(object.metadata['first'])
            this.#checker.stored(first, last)
            this.#checker.identities.stored(first, payloadsOf(object))
          }
        }
        return result
      }),
      get: (t, last) => call(false, `get ${last}`, () => this.#segments.get(t, last)),
      list: (t, from, limit) => call(false, `list ${from}`, () => this.#segments.list(t, from, limit)),
      remove: (t, lasts) => call(true, `remove ${lasts.join(' ')}`, async () => {
        await this.#segments.remove(t, lasts)
        this.#stored.push(`removed ${lasts.join(' ')}`)
      })
    }
    const topics: TopicStore = {
      ...this.#topics,
      reserve: (t, wanted, belief) => call(true, `reserve ${wanted.count}`,
        () => this.#topics.reserve(t, wanted, belief, { now: this.#time })),
      read: (t) => call(false, 'item', () => this.#topics.read(t)),
      markClosed: (t, closing) => call(true, 'mark closed', () => this.#topics.markClosed(t, closing)),
      raiseEarliest: (t, to, resolved) => call(true, 'raise earliest', () => this.#topics.raiseEarliest(t, to, resolved))
    }
    const records: RecordStore = {
      ...this.#records,
      read: (name) => call(false, 'record', () => this.#records.read(name)),
      replace: (name, record, seen, options) => call(true, `replace record of ${name.id}`, async () => {
        const answer = await this.#records.replace(name, record, seen, options)
        if (answer === 'replaced') this.#stored.push(`${name.id} ${record.last} ${record.text}`)
        return answer
      })
    }
    const { defaultLimits } = this.#subject
    let elapsed = 0
    let draws = 0
    const clock: Clock = {
      wall: () => 0,
      monotonic: () => elapsed,
      // Delays before a retry pass at once; time-outs never come. Who waits for another's range looks once more, and then seals it.
      timer: (ms, callback) => {
        if (ms === defaultLimits.factPollMs) elapsed += 6_000
        if (ms <= defaultLimits.retryDelayMaxMs) queueMicrotask(callback)
        return () => {}
      },
      afterCurrentInput: queueMicrotask
    }
    const limits = {
      ...defaultLimits,
      readConcurrency: 1,
      segmentCacheBytes: 0,
      appendTimeoutMs: 800_000,
      reservationTtlMs: 800_000,
      stalledConnectionMs: 900_000,
      ...this.#small.limits
    }
    const random = (): number => (seed + draws++ / 1_000) / 10
    return this.#subject.createLog({ segments, topics, records, clock, compression: 'none', limits, random })
  }

  async #play (role: Role, log: Log, who: number): Promise<void> {
    if ('append' in role) return this.#append(log, `w${who}`, role.append)
    if ('reads' in role) return this.#read(log, `r${who}`, role)
    if ('send' in role) {
      await Promise.all(role.send.map((identity) => this.#send(log, identity)))
      return
    }
    if ('expectedOffset' in role) return this.#expect(log, `x${who}`, role.expectedOffset)
    return 'close' in role ? this.#close(log, `c${who}`, role.close) : this.#trim(log, role.trimTo)
  }

  async #send (log: Log, identity: Identity): Promise<void> {
    const { identities } = this.#checker
    const append = identities.start(identity, 1)
    const asked = identities.ask(identity)
    const conditions = identity.kind === 'key' ? { key: identity.id } : { producer: identity }
    try {
      const appended = await log.append(topic, [{ payload: `"${append.id}.0"` }], conditions)
      this.story.push(`${append.id} acknowledged at ${appended.first}${appended.duplicate === true ? ' (duplicate)' : ''}`)
      identities.acknowledged(identity, appended)
    } catch (error) {
      this.story.push(`${append.id}: ${(error as LogError).code}, written: ${this.#known(error).written}`)
      identities.refused(identity, this.#known(error), asked)
    }
  }

  async #expect (log: Log, id: string, expectedOffset: number): Promise<void> {
    const append = this.#checker.startAppend(id, 1)
    try {
      const { first, last } = await log.append(topic, [{ payload: `"${id}.0"` }], { expectedOffset })
      this.#checker.acknowledged(append, first, last)
      this.#checker.identities.expected(id, expectedOffset, first)
      this.story.push(`${id} acknowledged at ${first}`)
    } catch (error) {
      const { code, written = 'unknown' } = this.#known(error)
      this.#checker.failed(append, written)
      if (code === 'topic_closed') this.#checker.identities.refusedAsClosed(append.start)
      this.story.push(`${id}: ${code}, written: ${written}`)
    }
  }

  async #close (log: Log, id: string, count: number): Promise<void> {
    const append = count === 0 ? undefined : this.#checker.startAppend(id, count)
    this.#checker.identities.startClose()
    try {
      const messages = Array.from({ length: count }, (_, i) => ({ payload: `"${id}.${i}"` }))
      const { first, last } = await log.append(topic, messages, { close: true })
      if (append !== undefined) this.#checker.acknowledged(append, first, last)
      this.#checker.identities.closed(last + 1)
      this.story.push(`${id} closed the topic at ${last}`)
    } catch (error) {
      if (append !== undefined) this.#checker.failed(append, this.#known(error).written ?? 'unknown')
      this.story.push(`${id}: ${this.#known(error).code}`)
    }
  }

  async #trim (log: Log, before: number): Promise<void> {
    this.#checker.trimmedTo = Math.max(this.#checker.trimmedTo, before)
    try {
      this.story.push(`trimmed to ${await log.trim(topic, before)}`)
    } catch (error) {
      this.#known(error)
    }
  }

  /** @throws what no caller may get */
  #known (error: unknown): LogError {
    const known = error as LogError
    if (known.name !== 'LogError' || known.code === 'internal' || known.code === 'segment_corrupt') throw error
    return known
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
        if (page.closed) this.#checker.identities.seenClosed(start, page.nextOffset)
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

function payloadsOf ({ body }: SegmentObject): string[] {
  return Buffer.from(body).toString().trim().split('\n').map((line) => (JSON.parse(line) as { payload: string }).payload)
}

/** As JSON, with the entries of maps. */
function show (value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => member instanceof Map ? [...member as Map<unknown, unknown>] : member)
}

/** Times differ between schedules that are alike in everything else. */
function withoutTimes (json: string): string {
  return json.replace(/"(reservedAtMs|createdAtMs|lastModified|now)":\d+/g, '').replace(/,\d+,(\\?"[0-9a-f]{24})/g, ',$1')
}
