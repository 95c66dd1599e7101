import type { LogError } from '../../../src/domain/errors.ts'
import type { GroupName, Groups, LeaseId, LeasePart, ReceiveAnswer } from '../../../src/domain/groups/groups.ts'
import { Random } from '../engine/random.ts'
import { Process, type Scheduler, Violation } from '../engine/scheduler.ts'
import type { Answers, Asked, HeldLease } from './answers.ts'
import type { Server } from './workload.ts'

export interface WorkersOptions {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly answers: Answers
  readonly name: GroupName
  readonly leaseMs: number
  readonly count: number
  readonly rounds: number
  /** How fast they ask for more, and handle what they have. */
  readonly paceMs: number
  /** A server that runs now. */
  readonly server: (random: Random) => Server | undefined
  /** @throws Violation for errors that nobody may get */
  readonly known: (error: unknown) => LogError
}

type Answer<T> = T | LogError | 'no answer'

/** Of a client that waits for an answer. */
const patiences = [1_500, 6_000, 30_000]

/**
 * Workers on machines of their own, which never fail, but are slow, forget what they have, and wake up when their lease is over.
 * They repeat what has had no answer, at any server, and copies of their requests arrive late.
 */
export class Workers {
  readonly #options: WorkersOptions
  readonly #patienceMs: number
  #running = 0

  constructor (options: WorkersOptions) {
    this.#options = options
    this.#patienceMs = new Random(options.seed, 'patience').pick(patiences)
  }

  get done (): boolean { return this.#running === 0 }

  start (): void {
    for (let w = 1; w <= this.#options.count; w++) {
      this.#running++
      const name = `worker${w}`
      const process = new Process(this.#options.scheduler, name, 0)
      const random = new Random(this.#options.seed, name)
      this.#work(name, process, random).then(() => { this.#running-- }, (error: unknown) => { this.#options.scheduler.fail(error) })
    }
  }

  async #work (name: string, process: Process, random: Random): Promise<void> {
    const { paceMs, rounds } = this.#options
    let acks: HeldLease | undefined
    for (let n = 1; n <= rounds; n++) {
      await this.#sleep(process, random.heavyTail(paceMs))
      const held = await this.#receive(`${name}-${n}`, process, random, acks)
      acks = undefined
      if (held === undefined || held.offsets.length === 0) continue
      acks = await this.#handle(name, process, random, held)
    }
  }

  /** @returns a lease that is acknowledged by the next receive */
  async #handle (name: string, process: Process, random: Random, held: HeldLease): Promise<HeldLease | undefined> {
    const { leaseMs, paceMs } = this.#options
    await this.#sleep(process, random.chance(0.1) ? leaseMs * random.int(1, 3) : random.heavyTail(paceMs))
    const { id, offsets } = held
    const part = random.chance(0.3) ? offsets.filter(() => random.chance(0.5)) : offsets
    switch (random.pick(['ack', 'ack', 'ack', 'later', 'later', 'nack', 'nack', 'nack', 'extend', 'forget'])) {
      case 'ack':
        await this.#ack(name, process, random, id, part)
        if (part.length < offsets.length && random.chance(0.7)) await this.#ack(name, process, random, id, offsets)
        return undefined
      case 'later': return held
      case 'nack':
        await this.#nack(name, process, random, id, part)
        if (part.length < offsets.length && random.chance(0.5)) await this.#nack(name, process, random, id, offsets)
        return undefined
      case 'extend':
        await this.#extend(name, process, random, id)
        await this.#sleep(process, random.heavyTail(paceMs))
        await this.#ack(name, process, random, id, offsets)
        return undefined
      default:
        this.#options.scheduler.note(name, `forgets lease ${id.seq}`)
        return undefined
    }
  }

  async #receive (key: string, process: Process, random: Random, acks: HeldLease | undefined): Promise<HeldLease | undefined> {
    const { answers, leaseMs, name, scheduler } = this.#options
    const part: LeasePart[] = acks === undefined ? [] : [{ id: acks.id }]
    const [limit, waitMs] = [random.pick([1, 3, 10]), random.pick([0, 0, 500, 5_000])]
    const options = { limit, maxBytes: random.pick([1, 200, 1_000_000, 1_000_000]), leaseMs, waitMs, acks: part, key }
    for (let attempt = 1; attempt <= 4; attempt++) {
      const asked = acks === undefined ? undefined : answers.ask('ack', acks.id, acks.offsets)
      const call = (groups: Groups): Promise<ReceiveAnswer> => groups.receive(name, options)
      const again = acks && (() => answers.ask('ack', acks.id, acks.offsets))
      if (random.chance(0.1)) this.#late(process, random, call, (answer) => { answers.received(answer) }, again)
      const answer = await this.#send(process, random, call, options.waitMs)
      if (answer === 'no answer' || answer instanceof Error) {
        scheduler.note(key, answer instanceof Error ? `${answer.code} ${answer.details.applied ?? ''}` : answer)
        if (asked !== undefined && answer instanceof Error) answers.failed('ack', asked, answer)
        await this.#sleep(process, random.heavyTail(300))
        if (random.chance(0.3)) return undefined
        continue
      }
      const [acked] = answer.acked
      if (asked !== undefined && acked !== undefined) this.#acked(key, asked, acked)
      const held = answers.received(answer)
      scheduler.note(key, held === undefined ? `nothing: ${answer.waitingFor}` : `lease ${held.id.seq}: ${held.offsets.join(' ')}`)
      return held
    }
    return undefined
  }

  async #ack (who: string, process: Process, random: Random, id: LeaseId, offsets: readonly number[]): Promise<void> {
    const { answers, name } = this.#options
    for (let attempt = 1; attempt <= 4; attempt++) {
      const asked = answers.ask('ack', id, offsets)
      const call = (groups: Groups) => groups.ack(name, { id, offsets })
      if (random.chance(0.1)) this.#late(process, random, call, () => {}, () => answers.ask('ack', id, offsets))
      const answer = await this.#send(process, random, call)
      if (answer === 'no answer') continue
      this.#acked(who, asked, answer)
      if (!(answer instanceof Error) || answer.code === 'lease_lost') return
    }
  }

  #acked (who: string, asked: Asked, answer: { acked: number, already: boolean } | LogError): void {
    const { answers, scheduler } = this.#options
    const { id, offsets } = asked
    const outcome = answer instanceof Error
      ? `${answer.code} ${answer.details.applied ?? ''}`
      : `acked ${answer.acked}, already ${answer.already}`
    scheduler.note(who, `ack of ${offsets.join(' ')} of lease ${id.seq}: ${outcome}`)
    if (answer instanceof Error) answers.failed('ack', asked, answer)
    else answers.acked(asked, answer)
  }

  async #nack (who: string, process: Process, random: Random, id: LeaseId, offsets: readonly number[]): Promise<void> {
    const { answers, name, scheduler } = this.#options
    const options = { delayMs: random.pick([0, 0, 500, 20_000]), counted: random.chance(0.8), reject: random.chance(0.2), detail: 'broken' }
    for (let attempt = 1; attempt <= 3; attempt++) {
      const call = (groups: Groups) => groups.nack(name, { id, offsets }, options)
      const asked = answers.ask('nack', id, offsets, options.reject)
      if (random.chance(0.1)) this.#late(process, random, call, () => {}, () => answers.ask('nack', id, offsets, options.reject))
      const answer = await this.#send(process, random, call)
      const outcome = answer instanceof Error ? answer.code : JSON.stringify(answer)
      scheduler.note(who, `nack of ${offsets.join(' ')} of lease ${id.seq}: ${outcome}`)
      if (answer === 'no answer') continue
      if (!(answer instanceof Error)) return answers.nacked(asked, answer)
      answers.failed('nack', asked, answer)
      if (answer.code === 'lease_lost') return
    }
  }

  async #extend (who: string, process: Process, random: Random, id: LeaseId): Promise<void> {
    const { answers, leaseMs, name, scheduler } = this.#options
    const asked = answers.ask('extend', id, [])
    const answer = await this.#send(process, random, (groups) => groups.extend(name, id, leaseMs))
    scheduler.note(who, `extend of lease ${id.seq}: ${answer instanceof Error ? answer.code : 'done'}`)
    if (answer instanceof Error) answers.failed('extend', asked, answer)
  }

  /** A copy of a request that arrives late, and whose answer nobody waits for. */
  #late<T> (process: Process, random: Random, call: (groups: Groups) => Promise<T>, heard: (answer: T) => void, ask?: () => Asked): void {
    const { known, scheduler } = this.#options
    // It may be applied from now on.
    ask?.()
    process.clock.timer(random.heavyTail(random.pick([300, 10_000])), () => {
      this.#call(random, call)?.then(heard, (error: unknown) => { known(error) }).catch((error: unknown) => { scheduler.fail(error) })
    })
  }

  #send<T> (process: Process, random: Random, call: (groups: Groups) => Promise<T>, waitMs = 0): Promise<Answer<T>> {
    const answer = this.#call(random, call)
    if (answer === undefined) return this.#sleep(process, 1_000).then(() => 'no answer' as const)
    return new Promise((resolve, reject) => {
      const cancel = process.clock.timer(this.#patienceMs + waitMs, () => { resolve('no answer') })
      answer.then((value) => { cancel(); resolve(value) }, (error: unknown) => {
        cancel()
        try {
          resolve(this.#options.known(error))
        } catch (violation) {
          reject(violation instanceof Error ? violation : new Violation(String(violation)))
        }
      })
    })
  }

  /** @returns `undefined` if no server runs. One that is paused takes the request later, one that crashes never */
  #call<T> (random: Random, call: (groups: Groups) => Promise<T>): Promise<T> | undefined {
    const server = this.#options.server(random)
    if (server === undefined) return undefined
    return new Promise((resolve, reject) => {
      server.process.clock.timer(1, () => { call(server.groups).then(resolve, reject) })
    })
  }

  #sleep (process: Process, ms: number): Promise<void> {
    return new Promise((resolve) => { process.clock.timer(ms, resolve) })
  }
}
