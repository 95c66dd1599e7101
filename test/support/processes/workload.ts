import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Appended, Payload } from './writer.ts'

interface Message { readonly offset: number, readonly payload: Payload }

export interface WorkloadSize {
  readonly processes: number
  readonly writersEach: number
  readonly readers: number
  /** At most so many messages an append; one, if not given. */
  readonly batch?: number
}

/**
 * Writers in processes of their own and readers that follow, against servers that may come and go behind their URLs.
 * {@link end} checks what all of them heard against each other.
 */
export class Workload {
  readonly topic = 'followed'
  readonly appended: Appended[] = []
  readonly #urls: readonly string[]
  readonly #readers: Array<{ readonly seen: Message[], done: Promise<void> }>
  readonly #writers: Array<ReturnType<typeof fork>>
  #end: number | undefined

  constructor (t: TestContext, urls: readonly string[], { processes, writersEach, readers, batch = 1 }: WorkloadSize) {
    this.#urls = urls
    const writer = fileURLToPath(new URL('writer.ts', import.meta.url))
    this.#writers = Array.from({ length: processes }, (_, p) => {
      const child = fork(writer, [`p${p}`, String(writersEach), this.topic, String(batch), ...urls], { execArgv: [] })
      child.on('message', (message) => this.appended.push(message as Appended))
      t.after(() => { child.kill('SIGKILL') })
      return child
    })
    this.#readers = Array.from({ length: readers }, (_, r) => {
      const seen: Message[] = []
      return { seen, done: this.#follow(r, seen) }
    })
  }

  get acknowledged (): number { return this.appended.filter(({ outcome }) => outcome === 'acknowledged').length }

  /** Stops the writers, lets the readers get to the topic's end, and checks. */
  async end (): Promise<void> {
    await Promise.all(this.#writers.map(async (child) => {
      const gone = once(child, 'exit')
      child.send('stop')
      await gone
    }))
    this.#end = await this.#latest()
    await Promise.all(this.#readers.map(({ done }) => done))
    for (const [r, { seen }] of this.#readers.entries()) this.#check(r, seen)
    const [first, ...others] = this.#readers.map(({ seen }) => seen.map(({ offset, payload }) => `${offset} ${payload.id}.${payload.part}`))
    for (const other of others) assert.deepEqual(other, first, 'readers saw different logs')
  }

  async #follow (r: number, seen: Message[]): Promise<void> {
    let next = 1
    for (let poll = r; this.#end === undefined || next < this.#end; poll++) {
      try {
        const answer = await fetch(`${this.#urls[poll % this.#urls.length]}/topics/${this.topic}/consume?offset=${next}&limit=${100 + r}`, {
          signal: AbortSignal.timeout(30_000)
        })
        if (answer.status !== 200) throw new Error(await answer.text())
        const page = await answer.json() as { messages: Message[], next_offset: number }
        seen.push(...page.messages)
        next = page.next_offset
        if (page.messages.length > 0) continue
      } catch {
        // Its server is gone or suspended: the next poll asks the other one, or the same one again.
      }
      await wait(30)
    }
  }

  async #latest (): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await fetch(`${this.#urls[attempt % this.#urls.length]}/topics/${this.topic}/consume?offset=latest`, {
          signal: AbortSignal.timeout(30_000)
        })
        if (answer.status === 200) return (await answer.json() as { next_offset: number }).next_offset
      } catch (error) {
        if (attempt > 50) throw error
      }
      await wait(200)
    }
  }

  #check (r: number, seen: readonly Message[]): void {
    /** Where the first message of each append is. */
    const at = new Map<string, number>()
    let before = 0
    let due = 0
    for (const { offset, payload: { id, part, of } } of seen) {
      assert.ok(offset > before, `reader ${r} got offset ${offset} after ${before}`)
      if (part === 0) {
        assert.equal(due, 0, `reader ${r} got ${id} at ${offset}, and ${due} messages of the batch before are missing`)
        assert.ok(!at.has(id), `reader ${r} got ${id} at ${at.get(id)} and at ${offset}`)
        at.set(id, offset)
      } else {
        assert.equal(offset, at.get(id)! + part, `reader ${r} got part ${part} of ${id} at ${offset}`)
      }
      due = of - part - 1
      before = offset
    }
    assert.equal(due, 0, `reader ${r}: the last batch is not whole`)
    for (const { id, outcome, offset } of this.appended) {
      if (outcome === 'acknowledged') assert.equal(at.get(id), offset, `reader ${r}: ${id} was acknowledged at ${offset}`)
      if (outcome === 'no') assert.ok(!at.has(id), `reader ${r} got ${id} at ${at.get(id)}, which was "not written"`)
    }
  }
}
