import type { Clock } from '../../../src/ports/clock.ts'

/** A violation of what must always hold (protocol §7). */
export class Violation extends Error {
  override readonly name = 'Violation'
}

interface Event { readonly at: number, readonly order: number, readonly owner: Process | undefined, readonly run: () => void }

/**
 * Owns time. Nothing happens but its events, one at a time, in the order of their virtual times; the code under test
 * runs to its next wait between two of them.
 */
export class Scheduler {
  now = Date.UTC(2026, 0, 1)
  readonly trace: string[] = []
  steps = 0
  readonly #events: Event[] = []
  #order = 0
  readonly #start = this.now
  #failure: unknown

  note (who: string, what: string): void {
    this.trace.push(`${((this.now - this.#start) / 1000).toFixed(3).padStart(10)}s  ${who.padEnd(10)} ${what}`)
  }

  /** Ends the run as failed; the first failure counts. */
  fail (error: unknown): void {
    this.#failure ??= error
  }

  /** @param owner whose event it is: it is lost when that process dies, and late when it is paused */
  at (time: number, owner: Process | undefined, run: () => void): () => void {
    const event: Event = { at: time, order: this.#order++, owner, run }
    this.#push(event)
    return () => { this.#cancelled.add(event) }
  }

  readonly #cancelled = new WeakSet<Event>()

  /** Runs events until none is left, `until` says so, or `maxSteps` is reached. @throws Violation */
  async run (until: () => boolean, maxSteps: number): Promise<void> {
    for (let step = 0; !until(); step++) {
      const event = this.#pop()
      if (event === undefined) return
      if (this.#cancelled.has(event) || event.owner?.dead === true) continue
      if (event.owner !== undefined && event.owner.pausedUntil > event.at) {
        this.#push({ ...event, at: event.owner.pausedUntil })
        continue
      }
      if (step > maxSteps) throw new Violation(`no end after ${maxSteps} steps`)
      this.steps++
      this.now = Math.max(this.now, event.at)
      event.run()
      // Everything that became possible by this event runs now; there is no real I/O that could come between.
      await new Promise(setImmediate)
      if (this.#failure !== undefined) throw this.#failure instanceof Error ? this.#failure : new Error('failed')
    }
  }

  /** A binary heap by time, then by order of creation. */
  #push (event: Event): void {
    const heap = this.#events
    let i = heap.length
    heap.push(event)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = event
  }

  #pop (): Event | undefined {
    const heap = this.#events
    const top = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return top
  }
}

function before (a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** One process: its clocks, which may be wrong, and whether it runs. */
export class Process {
  dead = false
  pausedUntil = 0
  /** All its pauses together. */
  pausedMs = 0
  onDeath: (() => void) | undefined
  readonly name: string
  readonly #scheduler: Scheduler
  readonly #skewMs: number
  /** How long its monotonic clock has stood still. */
  frozenMs = 0

  constructor (scheduler: Scheduler, name: string, skewMs: number) {
    this.#scheduler = scheduler
    this.name = name
    this.#skewMs = skewMs
  }

  kill (): void {
    this.dead = true
    this.#scheduler.note(this.name, 'CRASHES')
    this.onDeath?.()
  }

  /** @param frozen its monotonic clock stands still, too, as when a whole machine is suspended */
  pause (ms: number, frozen: boolean): void {
    // Answers to several calls can each pause it: what they have in common counts once.
    const until = Math.max(this.pausedUntil, this.#scheduler.now + ms)
    const more = until - Math.max(this.pausedUntil, this.#scheduler.now)
    this.pausedUntil = until
    this.pausedMs += more
    if (frozen) this.frozenMs += more
    this.#scheduler.note(this.name, `PAUSES for ${Math.round(ms / 1000)} s${frozen ? ', its clock with it' : ''}`)
  }

  readonly clock: Clock = {
    wall: () => Math.floor(this.#scheduler.now + this.#skewMs),
    monotonic: () => this.#scheduler.now - this.frozenMs,
    timer: (ms, callback) => this.#scheduler.at(this.#scheduler.now + ms, this, callback),
    afterCurrentInput: (callback) => { this.#scheduler.at(this.#scheduler.now, this, callback) }
  }
}
