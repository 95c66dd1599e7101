import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { WorkerReport } from './group-worker.ts'

export interface GroupWorkloadOptions {
  readonly urls: readonly string[]
  readonly messages: number
  readonly keys: number
  /** Every so many messages one is handed back by each worker that gets it. */
  readonly poisonEvery: number
  readonly workers: number
  readonly limit: number
  readonly leaseMs: number
}

type Delivery = Extract<WorkerReport, { kind: 'delivered' }>

const topic = 'shared'
const group = 'workers'

/**
 * A topic, and workers in processes of their own that share it in mode `keyed`. {@link check} holds all that they heard against each
 * other.
 */
export class GroupWorkload {
  readonly deliveries: Delivery[] = []
  readonly #options: GroupWorkloadOptions
  readonly #acked = new Map<number, number>()
  readonly #lost = new Set<string>()
  #workers: ChildProcess[] = []
  #order = 0

  constructor (options: GroupWorkloadOptions) {
    this.#options = options
  }

  /** How many messages were acknowledged. */
  get acked (): number { return this.#acked.size }

  async start (t: TestContext): Promise<void> {
    const { messages, keys, poisonEvery, workers, limit, leaseMs, urls } = this.#options
    await this.#ask('PUT', `/groups/${group}`, { mode: 'keyed', max_attempts: 3 })
    for (let from = 0; from < messages; from += 1_000) {
      const batch = Array.from({ length: Math.min(1_000, messages - from) }, (_, i) => ({
        payload: { n: from + i, ...(from + i) % poisonEvery === poisonEvery - 1 && { poison: true } }, key: `key-${(from + i) % keys}`
      }))
      await this.#ask('POST', '/produce', { messages: batch })
    }
    const file = fileURLToPath(new URL('group-worker.ts', import.meta.url))
    this.#workers = Array.from({ length: workers }, (_, w) => {
      const child = fork(file, [`worker${w}`, topic, group, String(limit), String(leaseMs), ...urls], { execArgv: [] })
      child.on('message', (report) => { this.#heard(report as WorkerReport) })
      t.after(() => { child.kill('SIGKILL') })
      return child
    })
  }

  killWorker (w: number): void {
    this.#workers[w]!.kill('SIGKILL')
  }

  /** Resolves when this share of the messages has been acknowledged. */
  async progress (share: number): Promise<void> {
    const started = Date.now()
    while (this.acked < this.#options.messages * share) {
      assert.ok(Date.now() - started < 120_000, `the workers got to ${this.acked} of ${this.#options.messages} messages`)
      await wait(20)
    }
  }

  /** Waits until all is settled, and checks. @returns how many messages were delivered more than once, and how many leases were lost */
  async check (): Promise<{ redelivered: number, lost: number }> {
    const started = Date.now()
    for (;;) {
      const description = await this.#ask('GET', `/groups/${group}`) as Record<string, number>
      const { committed_offset: committed, end, dead_letters_waiting: dead } = description
      if (committed === end && dead === 0) break
      assert.ok(Date.now() - started < 120_000, `committed ${committed} of ${end}, ${dead} dead letters wait`)
      await wait(200)
    }
    await Promise.all(this.#workers.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.send('stop')
      await gone
    }))
    const dead = await this.#letters()
    this.#checkSettled(dead)
    this.#checkOrder()
    const times = new Map<number, number>()
    for (const { messages } of this.deliveries) for (const { offset } of messages) times.set(offset, (times.get(offset) ?? 0) + 1)
    return { redelivered: [...times].filter(([offset, count]) => count > 1 && !dead.has(offset)).length, lost: this.#lost.size }
  }

  #heard (report: WorkerReport): void {
    const order = this.#order++
    if (report.kind === 'delivered') {
      for (const { offset } of report.messages) {
        assert.ok(!this.#acked.has(offset), `offset ${offset} was delivered after it was acknowledged`)
      }
      this.deliveries.push(report)
    } else if (report.kind === 'acked') for (const offset of report.offsets) this.#acked.set(offset, order)
    else this.#lost.add(report.lease)
  }

  /** Offsets of the messages in the dead-letter topic. */
  async #letters (): Promise<Set<number>> {
    const { poisonEvery, messages } = this.#options
    const found: number[] = []
    for (let next = 1; ;) {
      const answer = await fetch(`${this.#options.urls[0]}/topics/${topic}.dlq/consume?offset=${next}&limit=1000`)
      const page = await answer.json() as { messages: Array<{ headers: Record<string, string> }>, next_offset: number }
      for (const { headers } of page.messages) found.push(Number(headers['dead-letter-offset']))
      if (page.next_offset === next) break
      next = page.next_offset
    }
    const poisoned = Array.from({ length: Math.floor(messages / poisonEvery) }, (_, i) => (i + 1) * poisonEvery)
    assert.deepEqual(found.toSorted((a, b) => a - b), poisoned, 'each poison message is in the dead-letter topic once')
    return new Set(found)
  }

  #checkSettled (dead: ReadonlySet<number>): void {
    const delivered = new Set(this.deliveries.flatMap(({ messages }) => messages.map(({ offset }) => offset)))
    for (let offset = 1; offset <= this.#options.messages; offset++) assert.ok(delivered.has(offset), `offset ${offset} was delivered`)
    for (const offset of dead) assert.ok(!this.#acked.has(offset), `offset ${offset} is dead and acknowledged`)
  }

  /**
   * A message is handed out only when all before it with its key are settled, or are in the same lease. So nobody gets one of
   * these later. Deliveries that came late do not count: their leases may have ended on the way.
   */
  #checkOrder (): void {
    const ofKey = new Map<string, Array<{ offset: number, lease: string, at: number, late: boolean }>>()
    for (const { messages, lease, at, late } of this.deliveries) {
      for (const { offset, key } of messages) {
        const list = ofKey.get(key!) ?? []
        list.push({ offset, lease, at, late })
        ofKey.set(key!, list)
      }
    }
    for (const [key, deliveries] of ofKey) {
      const firstAt = new Map<number, { at: number, lease: string }>()
      for (const { offset, at, lease } of deliveries) if (at < (firstAt.get(offset)?.at ?? Infinity)) firstAt.set(offset, { at, lease })
      for (const { offset, at, lease, late } of deliveries) {
        if (late) continue
        for (const [other, first] of firstAt) {
          const isBroken = other > offset && first.lease !== lease && first.at < at && !deliveries.some((each) => (
            each.offset === offset && each.lease === first.lease))
          assert.ok(!isBroken, `${key}: offset ${other} was delivered before offset ${offset}`)
        }
      }
    }
  }

  async #ask (method: string, path: string, body?: object): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await fetch(`${this.#options.urls[attempt % this.#options.urls.length]}/topics/${topic}${path}`, {
          method, ...body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
        })
        const json = await answer.json()
        if (answer.ok) return json
        throw new Error(JSON.stringify(json))
      } catch (error) {
        if (attempt > 50) throw error
        await wait(100)
      }
    }
  }
}
