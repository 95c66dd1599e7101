import type { LogError } from '../../../src/domain/errors.ts'
import type { GroupMode, GroupName, Groups } from '../../../src/domain/groups/groups.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import type { RecordStore } from '../../../src/ports/record-store.ts'
import { Random } from '../engine/random.ts'
import { outcomeOf, type Outcome, type Run, type Scenario } from '../engine/run.ts'
import { Process, Scheduler, Violation } from '../engine/scheduler.ts'
import { drawRates, World, type FaultRates, type Stores } from '../engine/world.ts'
import { Answers } from './answers.ts'
import { GroupsChecker } from './checker.ts'
import type { GroupsSubject } from './machine.ts'
import { hearsOfNews } from './hears.ts'
import { letterTopics, Operator } from './operator.ts'
import { settleAll } from './settle-all.ts'
import { watchedGroups, watchedSegments, watchedTopics } from './watched-stores.ts'
import { Workers } from './workers.ts'

const topic = 't'
const skewMaxMs = 6 * 3_600_000
/** No call is on its way for longer. */
const wireMaxMs = 61 * 60_000
const stepsMax = 60_000

export interface Server { readonly log: Log, readonly groups: Groups, readonly process: Process }

/** One seeded run: workers, servers that crash and stall over stores that fail, an operator who meddles, then a calm end. */
export function simulateGroups (subject: GroupsSubject, scenario: Scenario): Promise<Outcome> {
  return outcomeOf(new GroupsRun(subject, scenario))
}

function scaled (rates: FaultRates, by: number): FaultRates {
  return Object.fromEntries(Object.entries(rates).map(([kind, rate]) => [kind, rate * by])) as unknown as FaultRates
}

class GroupsRun implements Run {
  readonly scheduler = new Scheduler()
  readonly world: World
  readonly #subject: GroupsSubject
  readonly #seed: number
  readonly #checker: GroupsChecker
  readonly #groupStore: GroupStore
  readonly #records: RecordStore
  readonly #limits: Limits
  readonly #workers: Workers
  readonly #operator: Operator
  readonly #name: GroupName = { topic, group: 'g' }
  readonly #mode: GroupMode
  readonly #leaseMs: number
  readonly #messages: number
  readonly #paceMs: number
  /** Whether each request meets a function that has kept nothing and stops when it has answered. */
  readonly #functions: boolean
  /** Whether the log forgets the producers of dead letters before the end, as after a long time. */
  readonly #forgets: boolean
  readonly #servers = new Map<Process, () => Server>()
  readonly #processes: Process[] = []
  #active = 0
  #restarts = 0

  constructor (subject: GroupsSubject, { seed, without = new Set(), writersMax = 8, appendsMax = 100 }: Scenario) {
    this.#subject = subject
    this.#seed = seed
    const random = new Random(seed, 'groups')
    const exact = random.chance(0.4)
    this.#mode = random.pick(['shared', 'keyed', 'keyed', 'exclusive'])
    this.#leaseMs = random.pick([1_000, 5_000, 30_000])
    this.#messages = random.pick([6, 15, 40])
    this.#paceMs = random.pick([50, 500, 3_000])
    this.#functions = random.chance(0.25)
    this.#forgets = new Random(seed, 'forgets').chance(0.3)
    this.#limits = {
      ...subject.defaultLimits,
      segmentCacheBytes: random.pick([0, 1_000_000]),
      ...random.pick([
        {}, { groupScanMessages: 2 }, { groupLanesMax: 1 }, { groupLeasesMax: 2 }, { groupRunsSoft: 3 }, { groupInFlightMax: 4 }
      ]),
      ...this.#forgets && { inlineRecordsMax: 1 }
    }
    this.#checker = new GroupsChecker({
      limits: this.#limits,
      leaseMs: this.#leaseMs,
      nowMs: () => this.scheduler.now,
      clocksStoodStill: () => this.#processes.some(({ frozenMs }) => frozenMs > 0)
    })
    const watch = { checker: this.#checker, scheduler: this.scheduler }
    this.#records = subject.createMemoryRecordStore()
    const stores: Stores = {
      segments: watchedSegments(subject.createMemorySegmentStore(() => this.scheduler.now), topic, watch),
      topics: watchedTopics(subject.createMemoryTopicStore(() => this.scheduler.now), watch),
      records: this.#records
    }
    const rates = scaled(drawRates(random), random.pick([0, 0.1, 0.3, 1]))
    const latencyMs = random.pick([5, 5, 30, 300])
    this.world = new World(this.scheduler, subject.StoreError, { seed, rates, latencyMs, without }, stores)
    this.#groupStore = watchedGroups(subject.createMemoryGroupStore(() => Math.floor(this.scheduler.now)), exact, watch)
    this.#workers = new Workers({
      seed,
      scheduler: this.scheduler,
      answers: new Answers(this.#checker),
      name: this.#name,
      leaseMs: this.#leaseMs,
      count: Math.min(random.pick([1, 2, 3, 4, 8]), writersMax),
      rounds: Math.min(random.pick([3, 6, 12]), appendsMax),
      paceMs: this.#paceMs,
      server: (draw) => this.#server(draw),
      known: (error) => this.#known(error)
    })
    this.#operator = new Operator({
      seed,
      scheduler: this.scheduler,
      checker: this.#checker,
      name: this.#name,
      mode: this.#mode,
      leaseMs: this.#leaseMs,
      messages: this.#messages,
      paceMs: this.#paceMs,
      known: (error) => this.#known(error)
    })
  }

  /** Everything at once, with faults, until all have done their work. */
  async storm (): Promise<void> {
    const random = new Random(this.#seed, 'storm')
    for (let s = random.int(1, 3); s > 0; s--) this.#inProcess(`server${s}`, (server, process) => this.#serve(server, process))
    let appended = 0
    this.#inProcess('appender', async (server, process) => {
      const own = new Random(this.#seed, process.name)
      while (appended < this.#messages) {
        await this.#sleep(process, own.heavyTail(this.#paceMs / 2))
        const count = Math.min(own.pick([1, 1, 2, 5]), this.#messages - appended)
        const keys = own.pick([[undefined], ['a', 'b'], ['a', 'b', undefined]])
        const batch = Array.from({ length: count }, (_, i) => ({ payload: `"${process.name}-${appended}.${i}"`, key: own.pick(keys) }))
        appended += count
        await server().log.append(topic, batch).catch((error: unknown) => this.#known(error))
      }
    })
    await this.#setUp()
    this.#workers.start()
    this.#inProcess('operator', (server, process) => this.#operator.meddle(() => server(), process))
    await this.scheduler.run(() => this.#active === 0 && this.#workers.done, stepsMax)
  }

  /** All workers dead, no more faults: a new one settles everything in a bounded number of calls (groups §12.11). */
  async calm (): Promise<void> {
    this.world.faultsOn = false
    for (const process of this.#processes) process.dead = true
    // What is still on the wire arrives first.
    let quiet = false
    this.scheduler.at(this.scheduler.now + wireMaxMs, undefined, () => { quiet = true })
    await this.scheduler.run(() => quiet, stepsMax)
    const process = new Process(this.scheduler, 'last', 0)
    let finished = false
    const { log, groups } = this.#start(process)()
    const common = { checker: this.#checker, name: this.#name, leaseMs: this.#leaseMs }
    process.clock.timer(0, () => {
      this.#forgetProducers(log)
        .then(() => settleAll({ log, groups, process, rejects: this.#forgets, ...common }))
        .then(() => hearsOfNews({ scheduler: this.scheduler, start: (each) => this.#start(each), ...common }))
        .then(() => { finished = true }, (error: unknown) => this.scheduler.fail(error))
    })
    await this.scheduler.run(() => finished, stepsMax)
    if (!finished) throw new Violation('the last worker got stuck')
  }

  /** Another producer takes their places in the items, and what was moved out expires. */
  async #forgetProducers (log: Log): Promise<void> {
    if (!this.#forgets) return
    for (const letters of letterTopics) {
      await log.append(letters, [{ payload: '"no letter"' }], { producer: { id: 'another', epoch: 0, seq: 0 } })
    }
    await this.#records.removeExpired(Infinity, Infinity)
    this.#checker.letters.producersForgotten()
  }

  /** The group exists with its mode before anybody works; without faults. */
  async #setUp (): Promise<void> {
    const random = new Random(this.#seed, 'config')
    const process = new Process(this.scheduler, 'setup', 0)
    this.world.faultsOn = false
    let done = false
    const { groups } = this.#start(process)()
    const [maxAttempts, maxInFlight] = [random.pick([1, 2, 2, 3, 5]), random.pick([3, 10, 2_000])]
    const change = { mode: this.#mode, leaseMs: this.#leaseMs, maxAttempts, maxInFlight }
    groups.put(this.#name, change).then(() => { done = true }, (error: unknown) => { this.scheduler.fail(error) })
    await this.scheduler.run(() => done, stepsMax)
    this.world.faultsOn = true
  }

  #server (random: Random): Server | undefined {
    const running = [...this.#servers].filter(([process]) => !process.dead)
    return running.length === 0 ? undefined : random.pick(running)[1]()
  }

  async #serve (server: () => Server, process: Process): Promise<void> {
    this.#servers.set(process, server)
    while (!this.#workers.done) await this.#sleep(process, 1_000)
  }

  /** @returns what the process offers: the same each time, but for functions */
  #start (process: Process): () => Server {
    const random = new Random(this.#seed, process.name, 'groups')
    const start = (): Server => {
      const stores = this.world.stores(process)
      const { clock } = process
      const deps = { clock, limits: this.#limits, random: random.next }
      const log = this.#subject.createLog({ ...stores, ...deps, compression: 'none' })
      const outer = this.world.groups(process, this.#groupStore)
      const store: GroupStore = {
        ...outer,
        write: (name, item, expected, options) => {
          this.#checker.sent(item)
          return outer.write(name, item, expected, options)
        }
      }
      const randomHex = (bytes: number): string => Buffer.from(Array.from({ length: bytes }, () => random.int(0, 255))).toString('hex')
      const groups = this.#subject.createGroups({ store, topics: stores.topics, log, ...deps, randomHex, runsOn: !this.#functions })
      return { log, groups, process }
    }
    if (this.#functions) return start
    const started = start()
    return () => started
  }

  /** Runs `role` in a process of its own; when that crashes, a new one takes over after a while. */
  #inProcess (name: string, role: (server: () => Server, process: Process) => Promise<void>, life = 1): void {
    this.#active++
    const random = new Random(this.#seed, name, life, 'process')
    const skew = random.chance(0.3) ? random.int(-skewMaxMs, skewMaxMs) : 0
    const process = new Process(this.scheduler, life === 1 ? name : `${name}'${life}`, skew)
    this.#processes.push(process)
    let over = false
    const end = (): void => { if (!over) { over = true; this.#active-- } }
    role(this.#start(process), process).then(end, (error: unknown) => this.scheduler.fail(error))
    process.onDeath = () => {
      if (over) return
      if ((life < 3 && this.#restarts++ < 6) || name.startsWith('server')) {
        this.#active++
        this.scheduler.at(this.scheduler.now + 2_000, undefined, () => { this.#active--; this.#inProcess(name, role, life + 1) })
      }
      end()
    }
  }

  /** @throws Violation for an error that nobody may get */
  #known (error: unknown): LogError {
    if (!(error instanceof Error) || error.name !== 'LogError') throw error
    const known = error as LogError
    if (['internal', 'segment_corrupt', 'group_corrupt', 'offset_out_of_range'].includes(known.code)) {
      throw new Violation(`${known.code}: ${known.message} ${String((known.cause as Error | undefined)?.stack)}`)
    }
    return known
  }

  #sleep (process: Process, ms: number): Promise<void> {
    return new Promise((resolve) => { process.clock.timer(ms, resolve) })
  }
}
