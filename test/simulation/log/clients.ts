import type { LogError } from '../../../src/domain/errors.ts'
import type { AppendConditions, Appended, Log } from '../../../src/domain/log/log.ts'
import { Random } from '../engine/random.ts'
import { Process, type Scheduler, Violation } from '../engine/scheduler.ts'
import type { Checker } from './checker.ts'
import type { Identity } from './identities.ts'

export interface ClientsOptions {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly checker: Checker
  readonly topic: string
  /** The servers that run now. */
  readonly servers: () => readonly Log[]
  /** @throws Violation for errors that nobody may get */
  readonly known: (error: unknown) => LogError
  readonly closes: boolean
  /** Many producers that append quickly, so that their records leave the item and come back. */
  readonly churns: boolean
  /** Mostly keys: their segments are trimmed before anybody knows of them. */
  readonly keys: boolean
}

type Answer = Appended | LogError | 'no answer'

/** How long clients wait: some not as long as a server may need. */
const patiences = [2_000, 6_000, 30_000]

/**
 * Callers of other machines: they never crash, send their appends to any server, copies of them to two at once, and again
 * when they have heard nothing or a failure.
 */
export class Clients {
  readonly #options: ClientsOptions
  readonly #patienceMs: number
  #running = 0

  constructor (options: ClientsOptions) {
    this.#options = options
    this.#patienceMs = new Random(options.seed, 'patience').pick(patiences)
  }

  get done (): boolean { return this.#running === 0 }

  start (): void {
    const random = new Random(this.#options.seed, 'clients')
    const { churns, keys } = this.#options
    const producers = churns ? 5 : keys ? 0 : random.pick([0, 1, 2, 3, 5])
    for (let p = 1; p <= producers; p++) {
      const epochs = random.pick([1, 1, 2, 3])
      for (let e = 0; e < epochs; e++) this.#run(`producer${p}-${e}`, (name, process, own) => this.#produce(name, process, own, `p${p}`, e))
    }
    for (let k = keys ? -2 : 1; k <= random.int(0, 2); k++) this.#run(`keyed${k}`, (name, process, own) => this.#keyed(name, process, own))
    for (let x = 1; x <= random.int(0, 2); x++) this.#run(`expects${x}`, (name, process, own) => this.#expect(name, process, own))
    if (this.#options.closes) this.#run('closer', (name, process, own) => this.#close(name, process, own))
  }

  #run (name: string, role: (name: string, process: Process, random: Random) => Promise<void>): void {
    this.#running++
    const process = new Process(this.#options.scheduler, name, 0)
    const random = new Random(this.#options.seed, name)
    role(name, process, random).then(() => { this.#running-- }, (error: unknown) => { this.#options.scheduler.fail(error) })
  }

  async #produce (name: string, process: Process, random: Random, id: string, epoch: number): Promise<void> {
    await this.#sleep(process, epoch * random.heavyTail(random.pick([200, 5_000])))
    const pipelined = random.chance(0.3)
    const { churns } = this.#options
    const appends = churns ? random.int(6, 14) : random.int(1, 8)
    const underway: Array<Promise<boolean>> = []
    for (let seq = 0; seq < appends; seq++) {
      await this.#sleep(process, random.heavyTail(churns ? 100 : random.pick([10, 200, 3_000])))
      const one = this.#insist(name, process, random, { kind: 'producer', id, epoch, seq }, random.chance(0.5) ? 1 : random.int(2, 4))
      underway.push(one)
      one.catch((error: unknown) => { this.#options.scheduler.fail(error) })
      if (!pipelined && !await one) return
    }
    await Promise.all(underway)
  }

  async #keyed (name: string, process: Process, random: Random): Promise<void> {
    for (let n = random.int(1, 5); n > 0; n--) {
      await this.#sleep(process, random.heavyTail(random.pick([10, 200, 3_000])))
      await this.#insist(name, process, random, { kind: 'key', id: `${name}/${n}` }, random.int(1, 3))
    }
  }

  /** Sends an append until it is acknowledged, or is refused for good. @returns whether it is acknowledged */
  async #insist (name: string, process: Process, random: Random, identity: Identity, count: number): Promise<boolean> {
    const { checker, scheduler } = this.#options
    const append = checker.identities.start(identity, count)
    const conditions: AppendConditions = identity.kind === 'key' ? { key: identity.id } : { producer: identity }
    for (let attempt = 0; attempt < 40; attempt++) {
      const copies = random.chance(0.25) ? 2 : 1
      const asked = checker.identities.ask(identity)
      const sends = Array.from({ length: copies }, () => this.#send(process, random, append.id, count, conditions))
      const answers = await Promise.all(sends)
      let over: boolean | undefined
      for (const answer of answers) {
        if (answer === 'no answer') continue
        if (answer instanceof Error) {
          scheduler.note(name, `${append.id}: ${answer.code}, written: ${answer.written}`)
          checker.identities.refused(identity, answer, asked)
          if (['producer_fenced', 'topic_closed', 'producer_seq_old'].includes(answer.code)) over ??= false
        } else {
          const how = answer.duplicate === true ? ' (duplicate)' : ''
          scheduler.note(name, `${append.id} acknowledged at ${answer.first}…${answer.last}${how}`)
          checker.identities.acknowledged(identity, answer)
          over = true
        }
      }
      if (over !== undefined) return over
      await this.#sleep(process, random.heavyTail(500))
    }
    return false
  }

  /** Optimistic concurrency: reads the end, and appends if it is still there. */
  async #expect (name: string, process: Process, random: Random): Promise<void> {
    const { checker, scheduler, topic } = this.#options
    for (let n = random.int(1, 6); n > 0; n--) {
      await this.#sleep(process, random.heavyTail(random.pick([10, 500])))
      const server = this.#server(random)
      const end = server === undefined ? 'no answer' : await this.#patient(process, server.position(topic, 'latest'))
      if (typeof end !== 'number') continue
      const count = random.int(1, 3)
      const append = checker.startAppend(`${name}-${n}`, count)
      const asked = append.start
      const answer = await this.#send(process, random, append.id, count, { expectedOffset: end })
      if (answer === 'no answer') continue
      if (answer instanceof Error) {
        scheduler.note(name, `${append.id} expected ${end}: ${answer.code}, written: ${answer.written}`)
        checker.failed(append, answer.written ?? 'unknown')
        if (answer.code === 'topic_closed') checker.identities.refusedAsClosed(asked)
        continue
      }
      scheduler.note(name, `${append.id} expected ${end}, acknowledged at ${answer.first}…${answer.last}`)
      checker.acknowledged(append, answer.first, answer.last)
      checker.identities.expected(append.id, end, answer.first)
    }
  }

  async #close (name: string, process: Process, random: Random): Promise<void> {
    const { checker, scheduler } = this.#options
    await this.#sleep(process, random.heavyTail(random.pick([500, 20_000])))
    const count = random.pick([0, 0, 1, 3])
    for (let attempt = 1; attempt <= 40; attempt++) {
      const append = count === 0 ? undefined : checker.startAppend(`${name}-${attempt}`, count)
      checker.identities.startClose()
      const answer = await this.#send(process, random, append?.id ?? name, count, { close: true })
      scheduler.note(name, `close: ${answer instanceof Error ? answer.code : JSON.stringify(answer)}`)
      if (answer === 'no answer') continue
      if (!(answer instanceof Error)) {
        if (append !== undefined) checker.acknowledged(append, answer.first, answer.last)
        checker.identities.closed(answer.last + 1)
        return
      }
      if (append !== undefined) checker.failed(append, answer.written ?? 'unknown')
      if (answer.code === 'topic_closed') return
      await this.#sleep(process, random.heavyTail(2_000))
    }
  }

  async #send (process: Process, random: Random, id: string, count: number, conditions: AppendConditions): Promise<Answer> {
    const server = this.#server(random)
    if (server === undefined) return 'no answer'
    const messages = Array.from({ length: count }, (_, i) => ({ payload: `"${id}.${i}"` }))
    return this.#patient(process, server.append(this.#options.topic, messages, conditions))
  }

  #server (random: Random): Log | undefined {
    const servers = this.#options.servers()
    return servers.length === 0 ? undefined : random.pick(servers)
  }

  #patient<T> (process: Process, call: Promise<T>): Promise<T | LogError | 'no answer'> {
    return new Promise((resolve, reject) => {
      const cancel = process.clock.timer(this.#patienceMs, () => { resolve('no answer') })
      call.then((value) => { cancel(); resolve(value) }, (error: unknown) => {
        cancel()
        try {
          resolve(this.#options.known(error))
        } catch (violation) {
          reject(violation instanceof Error ? violation : new Violation(String(violation)))
        }
      })
    })
  }

  #sleep (process: Process, ms: number): Promise<void> {
    return new Promise((resolve) => { process.clock.timer(ms, resolve) })
  }
}
