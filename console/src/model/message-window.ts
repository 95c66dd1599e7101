import { type Signal, signal } from '@preact/signals'
import { jsonText, type Message, type Position, StreamsError, type Topic } from '../../../clients/typescript/src/index.ts'
import type { Filter } from './filter.ts'
import { inBackground } from './poll.ts'

/** A message whose payload is the JSON text as it was appended. */
export type Row = Message<string>

/**
 * - `loading`: reads what is there
 * - `enough`: there is more below, which is read when it comes near
 * - `live`: waits for new messages
 * - `full`: new messages wait until one looks at them
 */
export type Phase = 'loading' | 'enough' | 'live' | 'full' | 'paused' | 'closed' | 'retrying' | 'failed'

/** What a window shows at one moment. */
export interface View {
  readonly rows: readonly Row[]
  /** Messages that were read since the beginning, shown or not. */
  readonly read: number
  /** Where the messages begin that were read. */
  readonly first: number
  /** Rows that were put before the first one, less those that were removed there: how far all rows have moved. */
  readonly moved: number
}

/** What the page holds of a topic. The oldest, or those furthest from what is looked at, go first. */
export const rowsMax = 10_000
const charactersMax = 32 * 1024 * 1024
const pageSize = 200
/** With a filter, few messages of a page may be shown. */
const scanSize = 1_000
/** Messages before the end with which a live view begins. */
const before = 100

/** A part of a topic that is looked at: it reads on at its end, and back at its beginning. */
export class MessageWindow {
  /** Ascending. The array stays the same one; `view` is another one when it has changed. */
  readonly rows: Row[] = []
  readonly view = signal<View>({ rows: this.rows, read: 0, first: 0, moved: 0 })
  readonly phase = signal<Phase>('loading')
  readonly error = signal<unknown>(undefined)
  /** Messages a second that were read, shown or not. */
  readonly rate = signal(0)
  readonly end = signal<number | undefined>(undefined)
  readonly earliest = signal<number | undefined>(undefined)
  /** Where it reads on. */
  readonly next = signal(0)
  /** Whether the view stays at the end. */
  readonly stuck: Signal<boolean>
  readonly #topic: Topic<unknown, string>
  readonly #from: Position | 'live'
  readonly #filter: Filter | undefined
  #characters = 0
  #first = 0
  #read = 0
  #moved = 0
  #isLoadingOlder = false
  #running: AbortController | undefined
  #isWanted = true
  #wanted: () => void = () => {}
  #frame: number | undefined
  readonly #ticks: Array<{ readonly at: number, readonly read: number }> = []
  readonly #clock = setInterval(() => { this.#measure() }, 500)

  /** @param from `live`: the last messages, and then new ones */
  constructor (topic: (codec: typeof jsonText) => Topic<unknown, string>, from: Position | 'live', filter: Filter | undefined) {
    this.#topic = topic(jsonText)
    this.#from = from
    this.#filter = filter
    this.stuck = signal(from === 'live')
  }

  /** Where the messages begin that were read. */
  get first (): number { return this.#first }

  start (): void {
    inBackground(this.#run(async (signal) => {
      let position = this.#from === 'live' ? 'latest' : this.#from
      if (position === 'latest') {
        const { earliest, end } = await this.#topic.page({ from: 'latest', limit: 1, signal })
        position = Math.max(earliest, end - before)
      }
      const page = await this.#topic.page({ from: position, limit: this.#limit, signal })
      this.#first = page.messages[0]?.offset ?? page.nextOffset
      this.#take(page)
      await this.#readOn(signal)
    }))
  }

  pause (): void {
    this.#running?.abort()
    if (this.phase.value !== 'closed') this.phase.value = 'paused'
    this.#show()
  }

  resume (): void {
    inBackground(this.#run((signal) => this.#readOn(signal)))
  }

  stop (): void {
    this.#running?.abort()
    clearInterval(this.#clock)
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
  }

  /** Whether what comes next is looked at soon. */
  want (isWanted: boolean): void {
    this.#isWanted = isWanted
    if (isWanted) this.#wanted()
  }

  /** Reads the messages before the first one. */
  async loadOlder (): Promise<void> {
    const { earliest } = this
    if (this.#isLoadingOlder || this.#first <= (earliest.value ?? 1)) return
    this.#isLoadingOlder = true
    try {
      const until = this.#first
      const first = Math.max(earliest.value ?? 1, until - this.#limit)
      let from = first
      const older: Row[] = []
      while (from < until) {
        const page = await this.#topic.page({ from, limit: until - from })
        earliest.value = page.earliest
        older.push(...page.messages.filter(({ offset }) => offset < until))
        if (page.nextOffset === from) break
        from = page.nextOffset
      }
      // Meanwhile, new messages may have pushed out the row that the older ones would stand before.
      if (this.#first !== until) return
      this.#first = first
      if (this.phase.value !== 'failed') this.error.value = undefined
      this.#putBefore(older)
    } catch (error) {
      this.error.value = error
    } finally {
      this.#isLoadingOlder = false
    }
  }

  get #limit (): number { return this.#filter === undefined ? pageSize : scanSize }

  async #run (work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#running?.abort()
    const { signal } = this.#running = new AbortController()
    this.phase.value = 'loading'
    this.error.value = undefined
    try {
      await work(signal)
    } catch (error) {
      if (signal.aborted) return
      this.error.value = error
      this.phase.value = 'failed'
    }
    if (!signal.aborted) this.#show()
  }

  async #readOn (signal: AbortSignal): Promise<void> {
    let waitMs = 0
    while (this.phase.value !== 'closed') {
      if (this.next.value >= (this.end.value ?? 0)) return this.#follow(signal)
      if (!this.#isWanted) await this.#pauseUntilWanted('enough', signal)
      this.phase.value = 'loading'
      const from = this.next.value
      const page = await this.#again(() => this.#topic.page({ from, limit: this.#limit, signal, waitMs }), signal)
      signal.throwIfAborted()
      this.#take(page)
      // What comes next is being written.
      waitMs = page.nextOffset === from ? 5_000 : 0
    }
  }

  async #follow (signal: AbortSignal): Promise<void> {
    this.phase.value = 'live'
    for await (const message of this.#topic.follow({ from: this.next.value, signal })) {
      this.#add(message)
      this.next.value = message.offset + 1
      // Nothing is read meanwhile: the server waits, too.
      if (!this.#isWanted && this.#isFull) {
        await this.#pauseUntilWanted('full', signal)
        this.phase.value = 'live'
      }
    }
    if (!signal.aborted) this.phase.value = 'closed'
  }

  /** An outage ends no view. */
  async #again<T> (ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof StreamsError) || !error.retriable) throw error
        this.phase.value = 'retrying'
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
    }
  }

  async #pauseUntilWanted (phase: Phase, signal: AbortSignal): Promise<void> {
    this.phase.value = phase
    await new Promise<void>((resolve) => {
      this.#wanted = resolve
      signal.addEventListener('abort', () => { resolve() }, { once: true })
    })
    signal.throwIfAborted()
  }

  #take ({ messages, nextOffset, earliest, end, closed }: Awaited<ReturnType<Topic<unknown, string>['page']>>): void {
    for (const message of messages) this.#add(message)
    this.next.value = nextOffset
    this.earliest.value = earliest
    this.end.value = end
    if (closed) this.phase.value = 'closed'
    this.#show()
  }

  #add (row: Row): void {
    this.#read++
    if (row.offset >= (this.end.value ?? 0)) this.end.value = row.offset + 1
    if (this.#filter?.(row) === false) return
    this.rows.push(row)
    this.#characters += row.payload.length
    // Not one by one: each removal moves all that remain.
    if (this.rows.length > rowsMax * 1.1 || this.#characters > charactersMax) this.#removeOldest()
    this.#show()
  }

  get #isFull (): boolean { return this.rows.length >= rowsMax || this.#characters >= charactersMax * 0.9 }

  #removeOldest (): void {
    let removed = 0
    while (removed < this.rows.length - 1 && (this.rows.length - removed > rowsMax || this.#characters > charactersMax)) {
      this.#characters -= this.rows[removed]!.payload.length
      removed++
    }
    this.rows.splice(0, removed)
    this.#moved -= removed
    this.#first = this.rows[0]!.offset
  }

  #putBefore (older: readonly Row[]): void {
    const shown = this.#filter === undefined ? older : older.filter(this.#filter)
    this.#read += older.length
    this.rows.unshift(...shown)
    this.#moved += shown.length
    for (const { payload } of shown) this.#characters += payload.length
    let { length } = this.rows
    while (length > shown.length + 1 && (length > rowsMax || this.#characters > charactersMax)) {
      length--
      this.#characters -= this.rows[length]!.payload.length
    }
    if (length < this.rows.length) {
      // What was removed at the end is read again from there.
      this.next.value = this.rows[length]!.offset
      this.rows.length = length
      if (this.phase.value !== 'paused') this.resume()
    }
    this.#show()
  }

  /** Once a frame: a thousand messages a second are sixty changes of the page. */
  #show (): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined
      this.view.value = { rows: this.rows, read: this.#read, first: this.#first, moved: this.#moved }
    })
  }

  #measure (): void {
    const now = performance.now()
    this.#ticks.push({ at: now, read: this.#read })
    while (this.#ticks.length > 2 && now - this.#ticks[0]!.at > 2_000) this.#ticks.shift()
    const [oldest] = this.#ticks
    this.rate.value = oldest!.at === now ? 0 : (this.#read - oldest!.read) / ((now - oldest!.at) / 1_000)
  }
}
