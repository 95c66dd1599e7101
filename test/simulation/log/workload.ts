import type { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import type { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import type { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import type { createStoreClock } from '../../../src/adapters/sqlite/clock.ts'
import type { LogError } from '../../../src/domain/errors.ts'
import type { defaultLimits, Limits } from '../../../src/domain/limits.ts'
import type { createLog, Follower, Log, PageSize } from '../../../src/domain/log/log.ts'
import type { StoreError } from '../../../src/ports/errors.ts'
import type { SegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import { Random } from '../engine/random.ts'
import { outcomeOf, type Outcome, type Run, type Scenario } from '../engine/run.ts'
import { Process, Scheduler, Violation } from '../engine/scheduler.ts'
import { drawRates, World } from '../engine/world.ts'
import { Checker } from './checker.ts'
import { Clients } from './clients.ts'
import { EmbeddedClock } from './embedded-clock.ts'
import { isLinearizable } from './linearizability.ts'

/** The code under test: this project's, or a copy with a planted fault. */
export interface Subject {
  readonly createLog: typeof createLog
  readonly createMemorySegmentStore: typeof createMemorySegmentStore
  readonly createMemoryTopicStore: typeof createMemoryTopicStore
  readonly createMemoryRecordStore: typeof createMemoryRecordStore
  readonly createStoreClock: typeof createStoreClock
  readonly defaultLimits: typeof defaultLimits
  readonly StoreError: typeof StoreError
}

const topic = 't'
const skewMaxMs = 6 * 3_600_000
/** No call is on its way for longer. */
const wireMaxMs = 61 * 60_000
const stepsMax = 40_000

/** One seeded run: writers and readers in processes that crash and stall over stores that fail, then a calm end. */
export function simulate (subject: Subject, scenario: Scenario): Promise<Outcome> {
  return outcomeOf(new LogRun(subject, scenario))
}

class LogRun implements Run {
  readonly scheduler = new Scheduler()
  readonly world: World
  readonly #checker = new Checker()
  readonly #subject: Subject
  readonly #scenario: Scenario
  readonly #random: Random
  readonly #limits: Limits
  readonly #withTrims: boolean
  /** Of one append. In some runs large enough that readers' pages, seals and trims meet them in the middle. */
  readonly #batchMax: number
  /** In some runs the stores are an embedded one: all processes are one process, which is killed and started again. */
  readonly #embedded: EmbeddedClock | undefined
  readonly #processes = new Set<Process>()
  readonly #clients: Clients
  readonly #withClients: boolean
  readonly #servers = new Map<Process, Log>()
  #active = 0
  #restarts = 0

  constructor (subject: Subject, scenario: Scenario) {
    this.#subject = subject
    this.#scenario = scenario
    const random = this.#random = new Random(scenario.seed, 'scenario')
    const skewOfStoreMs = random.int(-500, 500) // the two services' clocks agree, but not to the millisecond
    const embedding = new Random(scenario.seed, 'embedded')
    this.#embedded = embedding.chance(0.25) ? new EmbeddedClock(this.scheduler, subject.createStoreClock, embedding) : undefined
    const now = this.#embedded?.now ?? (() => this.scheduler.now)
    const memory = {
      segments: subject.createMemorySegmentStore(this.#embedded?.now ?? (() => now() + skewOfStoreMs)),
      topics: subject.createMemoryTopicStore(now)
    }
    const { segments, topics } = this.#embedded?.watch(memory.segments, memory.topics) ?? memory
    this.world = new World(this.scheduler, subject.StoreError, {
      seed: scenario.seed, rates: drawRates(random), latencyMs: random.pick([5, 30, 300, 1_000]), without: scenario.without ?? new Set()
    }, { segments: this.#watched(segments), topics: this.#watchedTopics(topics), records: subject.createMemoryRecordStore() })
    this.#withTrims = random.chance(0.25)
    const conditions = new Random(scenario.seed, 'conditions')
    this.#withClients = conditions.chance(0.5)
    const churns = conditions.chance(0.2)
    this.#clients = new Clients({
      seed: scenario.seed,
      scheduler: this.scheduler,
      checker: this.#checker,
      topic,
      servers: () => [...this.#servers].filter(([process]) => !process.dead).map(([, log]) => log),
      known: (error) => this.#known(error),
      closes: conditions.chance(0.3),
      churns,
      keys: this.#withTrims && conditions.chance(0.5)
    })
    this.#batchMax = new Random(scenario.seed, 'batches').pick([4, 4, 10])
    this.#limits = {
      ...subject.defaultLimits,
      putsInFlightMax: random.pick([1, 1, 3]),
      lingerMs: random.pick([0, 0, 20]),
      segmentCacheBytes: random.pick([0, 1_000_000]),
      sealsPerReadMax: random.pick([1, 3, 64]),
      holeSealsMax: new Random(scenario.seed, 'long holes').pick([64, 64, 64, 1]),
      // The machine's clock jumps by years, which would look like ranges that are lost.
      ...this.#embedded !== undefined && { factAgeMaxMs: Infinity },
      ...this.#withClients && (churns || conditions.chance(0.5)) && {
        inlineRecordsBytes: 50,
        inlineRecordsMax: churns ? 1 : conditions.pick([1, 1, 2, 64]),
        producerIdleMs: conditions.pick([0, 10_000])
      },
      ...new Random(scenario.seed, 'window').pick([
        {}, {}, { windowBytesInitial: 100, windowBytesMin: 50 }, { windowBytesInitial: 400, windowBytesMin: 100, storeCallsMax: 2 }
      ])
    }
  }

  /** Everything at once, with faults, until all have done their work. */
  async storm (): Promise<void> {
    const random = this.#random
    const { writersMax = 4, appendsMax = 8, readersMax = 3 } = this.#scenario
    const writers = Math.min(random.int(1, 4), writersMax)
    const readers = Math.min(random.int(1, 3), readersMax)
    // With all readers away for longer than a hole takes to be dead, nobody seals what a stalled writer left.
    const away = random.pick([[0, 0], [0, 0], [0, 30_000], [0, 30 * 60_000], [21 * 60_000, 30 * 60_000]] as const)
    const following = new Random(this.#scenario.seed, 'following')
    const followed = following.chance(0.3)
    for (let w = 1; w <= writers; w++) {
      // Beside the writer, in its process: what that appends is handed to it.
      const position = { at: 1, pages: followed && following.chance(0.7) ? following.int(5, 20) : 0 }
      this.#inProcess(`writer${w}`, async (log, process, life) => {
        await Promise.all([this.#write(log, process, life, appendsMax), this.#follow(log, process, position)])
      })
    }
    for (let r = 1; r <= readers; r++) {
      const position = { at: random.chance(0.7) ? 1 : random.int(1, 10), polls: random.int(6, 25) }
      this.#inProcess(`reader${r}`, (log, process) => this.#read(log, process, position, away))
    }
    if (this.#withClients) {
      this.#clients.start()
      const servers = new Random(this.#scenario.seed, 'servers').int(1, 3)
      for (let s = servers; s > 0; s--) this.#inProcess(`server${s}`, (log, process) => this.#serve(log, process))
    }
    if (this.#withTrims) this.#inProcess('trimmer', (log, process) => this.#trim(log, process))
    if (this.#embedded !== undefined) this.#scheduleRestarts()
    await this.scheduler.run(() => this.#active === 0, stepsMax)
  }

  /** All writers dead, no more faults: a new reader reaches the end in bounded time, and everything is there (§7.6). */
  async calm (): Promise<void> {
    this.world.faultsOn = false
    for (const process of this.#servers.keys()) process.dead = true
    // What is still on the wire arrives first. With an embedded store nothing is, after a start at which the clock is right.
    this.#restart(0)
    let quiet = false
    this.scheduler.at(this.scheduler.now + (this.#embedded === undefined ? wireMaxMs : 0), undefined, () => { quiet = true })
    await this.scheduler.run(() => quiet, stepsMax)
    const process = new Process(this.scheduler, 'inspector', 0)
    const log = this.#log(process)
    let finished = false
    const inspect = async (): Promise<void> => {
      const end = await log.position(topic, 'latest')
      let at = await log.position(topic, 'earliest')
      const { sealsPerReadMax, holeSealsMax, holeUnfillableAfterMs } = this.#limits
      const pollMs = holeSealsMax === 1 ? 60_000 : 6_000
      // Most holes grow old at the same time; each below a segment from the future, and the one at the end, from its first seal on.
      const waits = holeSealsMax === 1 ? end / 2 * holeUnfillableAfterMs / pollMs : 0
      const pollsMax = 2 * end / Math.min(sealsPerReadMax, 10) + 20 + waits
      for (let polls = 0; at < end; polls++) {
        if (polls > pollsMax) throw new Violation(`an undisturbed reader is still at ${at} of ${end} after ${polls} polls`)
        at = await this.#poll(log, process, at, 1_000, 1_000_000)
        await this.#sleep(process, pollMs)
      }
      // Where everything was trimmed, only this read tells whether the topic is closed.
      await this.#poll(log, process, at, 1_000, 1_000_000)
      this.#checker.whole()
      this.#checker.identities.whole()
      const { isClosed } = this.#checker.identities
      if (!isClosed) await this.#hears(end)
      const calls = { reserve: 0, state: 0, put: 0, get: 0, list: 0 }
      await log.read(topic, { from: isClosed ? end : end + 1, limit: 10, maxBytes: 1_000 }, { calls })
      if (calls.state !== 1 || calls.get + calls.list + calls.put + calls.reserve > (isClosed ? 1 : 0)) {
        throw new Violation(`an idle poll took ${JSON.stringify(calls)}`)
      }
    }
    inspect().then(() => { finished = true }, (error: unknown) => this.scheduler.fail(error))
    await this.scheduler.run(() => finished, stepsMax)
    if (!finished) throw new Violation('the last reader got stuck')
    const { appends, reads } = this.#checker
    const { close, told } = this.#checker.identities
    const closes = { ...close !== undefined && { close }, told }
    if (!this.#withTrims && !isLinearizable(appends.values(), reads, closes)) throw new Violation('the history is not linearizable')
  }

  /** A follower at the end hears of what another process appends, in the time that a poll takes. */
  async #hears (end: number): Promise<void> {
    const process = new Process(this.scheduler, 'listener', 0)
    const follower = this.#log(process).follow(topic, end)
    await this.#nextPage(follower, process, process.name, { limit: 10, maxBytes: 1_000 }, 10_000)
    const hears = this.#nextPage(follower, process, process.name, { limit: 10, maxBytes: 1_000 }, 60_000)
    const speaker = new Process(this.scheduler, 'speaker', 0)
    await this.#append(this.#log(speaker), speaker, 'speaker', 1)
    const since = this.scheduler.now
    if (await hears !== end + 1) throw new Violation(`a follower at ${end} did not hear of the message there`)
    const took = this.scheduler.now - since
    if (took > 10_000) throw new Violation(`a follower heard of a message ${took} ms after it was acknowledged`)
    follower.close()
  }

  #scheduleRestarts (): void {
    const random = new Random(this.#scenario.seed, 'restarts')
    let at = this.scheduler.now
    for (let restarts = random.int(1, 4); restarts > 0; restarts--) {
      at += random.pick([2_000, 20_000, 10 * 60_000]) * random.next()
      this.scheduler.at(at, undefined, () => { if (this.#active > 0) this.#restart() })
    }
  }

  /** The process in which the embedded store and everything else is ends, and starts again. */
  #restart (machineAheadMs?: number): void {
    if (this.#embedded === undefined) return
    this.world.restart()
    this.#embedded.restart(machineAheadMs)
    for (const process of [...this.#processes]) process.kill()
  }

  #log (process: Process): Log {
    const random = new Random(this.#scenario.seed, process.name, 'log')
    return this.#subject.createLog({
      ...this.world.stores(process),
      clock: process.clock,
      compression: 'none',
      limits: this.#limits,
      random: random.next
    })
  }

  /** Runs `role` in a process of its own; when that crashes, a new one takes over after a while, at most twice. */
  #inProcess (name: string, role: (log: Log, process: Process, life: number) => Promise<void>, life = 1): void {
    this.#active++
    const random = new Random(this.#scenario.seed, name, life, 'process')
    const skew = random.chance(0.3) ? random.int(-skewMaxMs, skewMaxMs) : 0
    const process = new Process(this.scheduler, life === 1 ? name : `${name}'${life}`, skew)
    let over = false
    const end = (): void => { if (!over) { over = true; this.#active--; this.#processes.delete(process) } }
    this.#processes.add(process)
    role(this.#log(process), process, life).then(end, (error: unknown) => this.scheduler.fail(error))
    process.onDeath = () => {
      if (over) return
      if ((life < 3 && this.#restarts++ < 6) || name.startsWith('server')) {
        this.#active++
        this.scheduler.at(this.scheduler.now + 5_000, undefined, () => { this.#active--; this.#inProcess(name, role, life + 1) })
      }
      end()
    }
  }

  /** Takes the appends of clients, until they have done their work. */
  async #serve (log: Log, process: Process): Promise<void> {
    this.#servers.set(process, log)
    while (!this.#clients.done) await this.#sleep(process, 1_000)
  }

  async #write (log: Log, process: Process, life: number, appendsMax: number): Promise<void> {
    const random = new Random(this.#scenario.seed, process.name, life, 'write')
    const appends = Math.min(random.int(1, 8), appendsMax)
    const lanes = random.pick([1, 1, 3]) // callers at once, for group commit
    const lane = async (l: number): Promise<void> => {
      for (let n = 1; n <= appends; n++) {
        await this.#sleep(process, random.heavyTail(random.pick([10, 200, 3_000])))
        await this.#append(log, process, `${process.name}-${l}-${n}`, random.chance(0.5) ? 1 : random.int(2, this.#batchMax))
      }
    }
    await Promise.all(Array.from({ length: lanes }, (_, l) => lane(l)))
  }

  async #append (log: Log, process: Process, id: string, count: number): Promise<void> {
    const append = this.#checker.startAppend(id, count)
    const inTime = this.#deadline(process, `append ${id}`, this.#limits.appendTimeoutMs)
    try {
      const { first, last } = await log.append(topic, Array.from({ length: count }, (_, i) => ({ payload: `"${id}.${i}"` })))
      inTime()
      this.scheduler.note(id, `acknowledged at ${first}…${last}`)
      this.#checker.acknowledged(append, first, last)
    } catch (error) {
      const { written } = this.#known(error)
      inTime()
      if (written === undefined) throw new Violation(`append ${id} failed without saying whether it is written: ${String(error)}`)
      this.scheduler.note(id, written === 'no' ? 'NOT WRITTEN' : 'UNKNOWN')
      this.#checker.failed(append, written)
    }
  }

  async #read (log: Log, process: Process, position: { at: number, polls: number }, away: readonly [number, number]): Promise<void> {
    const random = new Random(this.#scenario.seed, process.name, 'read')
    await this.#sleep(process, random.int(...away))
    while (position.polls-- > 0) {
      position.at = await this.#poll(log, process, position.at, random.pick([1, 3, 20, 100]), random.pick([1, 100, 1_000_000]))
      await this.#sleep(process, random.chance(0.05) ? 25 * 60_000 : random.heavyTail(random.pick([20, 500, 4_000])))
    }
  }

  /** To be called when the operation ends: within its time, its process's pauses not counted. */
  #deadline (process: Process, what: string, ms: number): () => void {
    const began = this.scheduler.now - process.pausedMs
    return () => {
      const took = this.scheduler.now - process.pausedMs - began
      if (took > ms + 1) throw new Violation(`${what} took ${Math.round(took)} ms, of at most ${ms} ms`)
    }
  }

  async #follow (log: Log, process: Process, position: { at: number, pages: number }): Promise<void> {
    if (position.pages === 0) return
    const random = new Random(this.#scenario.seed, process.name, 'follow')
    const follower = log.follow(topic, position.at)
    const name = `${process.name}'s follower`
    while (position.pages-- > 0) {
      position.at = await this.#nextPage(follower, process, name, {
        limit: random.pick([1, 3, 100]),
        maxBytes: random.pick([100, 1_000_000])
      }, random.pick([0, 300, 5_000]))
      if (random.chance(0.4)) await this.#sleep(process, random.heavyTail(random.pick([20, 2_000])))
    }
    follower.close()
  }

  /** @returns where to go on */
  async #nextPage (follower: Follower, process: Process, name: string, size: PageSize, waitMs: number): Promise<number> {
    const from = follower.position
    const inTime = this.#deadline(process, name, Math.max(waitMs, this.#limits.readTimeoutMs))
    const start = this.#checker.startRead()
    const { knownEnd } = this.#checker
    try {
      const page = await follower.next(size, waitMs)
      inTime()
      this.scheduler.note(name, `heard from ${from}: ${page.count} messages, go on at ${page.nextOffset}`)
      this.#checker.page(name, start, from, page, 'live')
      if (page.closed) this.#checker.identities.seenClosed(start, page.nextOffset)
      if (page.nextOffset !== follower.position) {
        throw new Violation(`${name} is at ${follower.position} after a page up to ${page.nextOffset}`)
      }
      return page.nextOffset
    } catch (error) {
      this.#checker.outOfRange(name, from, knownEnd, this.#known(error))
      inTime()
      return follower.position
    }
  }

  /** @returns where to go on */
  async #poll (log: Log, process: Process, from: number, limit: number, maxBytes: number): Promise<number> {
    const start = this.#checker.startRead()
    const { knownEnd } = this.#checker
    const inTime = this.#deadline(process, `the read of ${process.name} from ${from}`, this.#limits.readTimeoutMs)
    try {
      const page = await log.read(topic, { from, limit, maxBytes })
      inTime()
      this.scheduler.note(process.name, `read from ${from}: ${page.count} messages, go on at ${page.nextOffset}`)
      this.#checker.page(process.name, start, from, page)
      if (page.closed) this.#checker.identities.seenClosed(start, page.nextOffset)
      return page.nextOffset
    } catch (error) {
      this.#checker.outOfRange(process.name, from, knownEnd, this.#known(error))
      inTime()
      return from
    }
  }

  async #trim (log: Log, process: Process): Promise<void> {
    const random = new Random(this.#scenario.seed, process.name, 'trim')
    // In some runs late enough to meet the seals of holes that writers left.
    const pauseMs = new Random(this.#scenario.seed, 'trims').pick([5_000, 20_000])
    for (let n = 0; n < 3; n++) {
      await this.#sleep(process, random.heavyTail(pauseMs))
      try {
        const end = await log.position(topic, 'latest')
        if (random.chance(0.3) && !this.#withClients) {
          // The end that deletion goes by is read after this: anything acknowledged until then may go.
          this.#checker.trimmedTo = Infinity
          await log.deleteTopic(topic)
          this.#checker.trimmedTo = await this.#earliest(log, process)
        } else {
          const before = random.int(1, end)
          this.#checker.trimmedTo = Math.max(this.#checker.trimmedTo, before)
          await log.trim(topic, before)
        }
      } catch (error) {
        this.#known(error)
        if (this.#checker.trimmedTo === Infinity) this.#checker.trimmedTo = await this.#earliest(log, process)
      }
    }
  }

  /** A failed deletion may have moved `earliest`, or still do so: only what the counter says in the end counts. */
  async #earliest (log: Log, process: Process): Promise<number> {
    await this.#sleep(process, 3 * 3_600_000)
    for (;;) {
      try {
        return await log.position(topic, 'earliest')
      } catch (error) {
        this.#known(error)
        await this.#sleep(process, 1_000)
      }
    }
  }

  /** @throws Violation for anything that is no LogError, and for an error of the server itself */
  #known (error: unknown): LogError {
    if (!(error instanceof Error) || error.name !== 'LogError') throw error
    const known = error as LogError
    if (known.code === 'internal' || known.code === 'segment_corrupt') {
      throw new Violation(`${known.code}: ${known.message} ${String(known.cause)}`)
    }
    return known
  }

  #sleep (process: Process, ms: number): Promise<void> {
    return new Promise((resolve) => { process.clock.timer(ms, resolve) })
  }

  /** Tells the checker of each update the moment that it is applied. */
  #watchedTopics (store: TopicStore): TopicStore {
    return {
      ...store,
      reserve: async (topic, wanted, belief, options) => {
        const answer = await store.reserve(topic, wanted, belief, options)
        if (answer.kind === 'reserved') this.#checker.identities.updated(wanted)
        return answer
      }
    }
  }

  /** Tells the checker of each segment the moment that it is stored, before anybody else can act. */
  #watched (store: SegmentStore): SegmentStore {
    return {
      ...store,
      putIfAbsent: async (topic, last, object, options) => {
        const result = await store.putIfAbsent(topic, last, object, options)
        if (result !== 'created' || object.metadata['sealed'] !== undefined) return result
        try {
          const first = Number(object.metadata['first'])
          this.#checker.stored(first, last)
          const lines = Buffer.from(object.body).toString().trim().split('\n')
          this.#checker.identities.stored(first, lines.map((line) => (JSON.parse(line) as { payload: string }).payload))
        } catch (error) {
          // Nobody hears the answer to a put that is late.
          this.scheduler.fail(error)
        }
        return result
      }
    }
  }
}
