import type { JumpingClock } from '../../support/jumping-clock.ts'
import { decodeLeaseId } from '../../../src/domain/groups/lease-id.ts'
import type { AppendConditions, Log } from '../../../src/domain/log/log.ts'
import type { NewMessage } from '../../../src/domain/segments/message.ts'
import type { Random } from '../engine/random.ts'
import type { Place } from './place.ts'

/** An append that was sent, and what was heard of it. */
export interface Sent {
  readonly topic: string
  /** Unlike all others. */
  readonly text: string
  readonly conditions: AppendConditions
  /** Once it was acknowledged. */
  offset?: number
}

interface Leased { readonly group: string, readonly id: string, readonly texts: readonly string[] }

const TOPICS = ['t', 't', 't', 'u', 't.dlq']
const GROUPS = ['g', 'h']
const NEVER = (): Promise<never> => new Promise(() => {})

/** Those who use the source while it is copied. What they do is a step each, which has ended before the copy goes on. */
export class Users {
  readonly sent: Sent[] = []
  /** Messages that a worker has acknowledged, by `group text`. */
  readonly acked = new Set<string>()
  /** Steps, for the story of a failed run. */
  readonly story: string[] = []
  readonly #place: Place
  readonly #clock: JumpingClock
  readonly #random: Random
  readonly #seqs = new Map<string, number>()
  /** Puts on their way. */
  readonly #held: Array<() => void> = []
  #leases: Leased[] = []
  #server: ReturnType<Place['start']>

  constructor (place: Place, clock: JumpingClock, random: Random) {
    this.#place = place
    this.#clock = clock
    this.#random = random
    this.#server = place.start()
  }

  async step (): Promise<void> {
    const random = this.#random
    if (random.chance(0.1)) this.#server = this.#place.start()
    const [kind] = [random.int(0, 99)]
    if (kind < 40) await this.#append(this.#newAppend())
    else if (kind < 50) this.#slowAppend()
    else if (kind < 58) await this.#land()
    else if (kind < 62) this.#crash()
    else if (kind < 80) await this.#receive()
    else if (kind < 88) await this.#settle()
    else if (kind < 93) await this.#trim()
    else if (kind < 94) await this.#remove()
    else if (kind < 97) await this.#readAll()
    else await this.#clock.sleep(random.int(1, 8_000))
  }

  #newAppend (): Sent {
    const random = this.#random
    const topic = random.pick(TOPICS)
    const text = `m${this.sent.length}`
    let conditions: AppendConditions = {}
    if (random.chance(0.6)) {
      const id = `p${random.int(0, 2)}`
      const name = `${topic} ${id}`
      const seq = this.#seqs.get(name) ?? 0
      this.#seqs.set(name, seq + 1)
      conditions = { producer: { id, epoch: 0, seq } }
    } else if (random.chance(0.5)) conditions = { key: `key of ${text}` }
    const sent: Sent = { topic, text, conditions }
    this.sent.push(sent)
    return sent
  }

  async #append (sent: Sent, log: Log = this.#server.log): Promise<void> {
    this.story.push(`append ${sent.topic} ${sent.text} ${JSON.stringify(sent.conditions)}`)
    try {
      const { first } = await log.append(sent.topic, [messageOf(sent.text)], sent.conditions)
      sent.offset = first
      this.story.push(`acknowledged ${sent.text} at ${first}`)
    } catch (error) {
      this.story.push(`refused ${sent.text}: ${String(error)}`)
    }
  }

  /** Its put is on its way for a while, and the server that sent it goes on. */
  #slowAppend (): void {
    const { log } = this.#place.start({
      putIfAbsent: (call) => new Promise((resolve, reject) => { this.#held.push(() => { call().then(resolve, reject) }) })
    })
    this.#append(this.#newAppend(), log).catch(() => {})
  }

  #crash (): void {
    const { log } = this.#place.start({ putIfAbsent: NEVER, get: NEVER })
    this.#append(this.#newAppend(), log).catch(() => {})
  }

  async #land (): Promise<void> {
    const held = this.#held.splice(this.#random.int(0, Math.max(0, this.#held.length - 1)), 1)
    this.story.push(`${held.length} put lands`)
    for (const go of held) go()
    await turn()
  }

  async #receive (): Promise<void> {
    const group = this.#random.pick(GROUPS)
    const options = { limit: this.#random.int(1, 4), maxBytes: 1_000_000, leaseMs: 5_000, waitMs: 0, acks: [] }
    const nothing = { lines: [], lease: undefined }
    const { lines, lease } = await this.#server.groups.receive({ topic: 't', group }, options).catch(() => nothing)
    if (lease === undefined) return
    const texts = lines.map(textOf)
    this.story.push(`${group} receives ${texts.join(' ')}`)
    this.#leases.push({ group, id: lease.id, texts })
  }

  async #settle (): Promise<void> {
    const [leased] = this.#leases.splice(this.#random.int(0, Math.max(0, this.#leases.length - 1)), 1)
    if (leased === undefined) return
    const { group, id, texts } = leased
    const part = { id: decodeLeaseId(id)! }
    const rejects = this.#random.chance(0.5)
    const nackOptions = { delayMs: 0, counted: true, reject: true }
    try {
      if (rejects) await this.#server.groups.nack({ topic: 't', group }, part, nackOptions)
      else await this.#server.groups.ack({ topic: 't', group }, part)
      this.story.push(`${group} ${rejects ? 'rejects' : 'acks'} ${texts.join(' ')}`)
      if (!rejects) for (const text of texts) this.acked.add(`${group} ${text}`)
    } catch {}
    await turn()
  }

  async #trim (): Promise<void> {
    const { log } = this.#server
    const topic = this.#random.pick(['t', 'u'])
    const before = Math.max(1, await log.position(topic, 'latest') - this.#random.int(0, 4))
    this.story.push(`trim ${topic} to ${before}`)
    await log.trim(topic, before).catch(() => {})
  }

  async #remove (): Promise<void> {
    const topic = this.#random.pick(['t', 'u'])
    this.story.push(`delete ${topic}`)
    await this.#server.log.deleteTopic(topic).catch(() => {})
    // A new life begins anew.
    for (const name of this.#seqs.keys()) if (name.startsWith(`${topic} `)) this.#seqs.delete(name)
  }

  /** A reader seals holes that are old enough. */
  async #readAll (): Promise<void> {
    const { log } = this.#server
    const topic = this.#random.pick(['t', 'u', 't.dlq'])
    await log.read(topic, { from: await log.position(topic, 'earliest'), limit: 1_000, maxBytes: 1_000_000 }).catch(() => {})
  }
}

/** Larger than a seal, so that a trim removes it at once. */
export function messageOf (text: string): NewMessage {
  return { payload: `"${text}"`, headers: `{"padding":"${'x'.repeat(64)}"}` }
}

export function textOf (line: Uint8Array): string {
  return String((JSON.parse(Buffer.from(line).toString()) as { payload: unknown }).payload)
}

/** What was begun gets time to end, as far as it waits for no timer. */
async function turn (): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
}
