import { Acks } from './acks.ts'
import { wholeNumber } from './checks.ts'
import { hasCode, messageOf, StreamsError } from './errors.ts'
import type { Group, GroupMode, Lease, Received } from './group.ts'
import { byLease, HeldLease, type Task } from './held-lease.ts'
import type { Message, MessageDecoder } from './messages.ts'
import type { Transport } from './transport.ts'
import { pace, pauseOf, type Pauses, sleep, timerOf } from './waiting.ts'

export interface HandlerContext {
  /** The how many-th delivery this is, from 1. */
  readonly attempt: number
  /** Aborts when the lease is lost or the handler takes too long: the work should stop. Not when the consumer stops. */
  readonly signal: AbortSignal
}

export type Handler<Payload> = (message: Message<Payload>, context: HandlerContext) => unknown

/** Thrown by a handler for a message that will never succeed: it becomes a dead letter at once. */
export class RejectMessage extends Error {
  override readonly name = 'RejectMessage'
}

export interface ConsumeOptions {
  /** Stops the consumer gracefully: what was begun is finished, the rest is given back. */
  readonly signal?: AbortSignal | undefined
  /** Handlers at one time; 1 by default. */
  readonly concurrency?: number
  /** Messages that are leased ahead of the handlers; by default as many as `concurrency`, for `exclusive` groups 100. */
  readonly prefetch?: number
  /** By default that of the group. It is extended as long as the handlers take. */
  readonly leaseMs?: number
  /** After this time a handler counts as failed; by default never. A worker that hangs would keep its messages otherwise. */
  readonly handlerTimeoutMs?: number
  /** The pause before a message that failed comes again, by attempts: a random time up to a bound that doubles. 1 s to 60 s by default. */
  readonly backoff?: Partial<Pauses>
  /** The worker's name, for the description of the group. */
  readonly consumer?: string
  /** Called when a handler has thrown. What this and the other callbacks throw ends the consumer, and rejects `consume`. */
  readonly onError?: (error: unknown, message: Message) => void
  /** Called when a message became a dead letter because of this worker. */
  readonly onDeadLetter?: (message: Message, error: unknown) => void
  /** Called when a lease was lost, with the offsets that are not settled: they are delivered to somebody. */
  readonly onLeaseLost?: (offsets: readonly number[]) => void
}

/** Of the service. */
const detailBytesMax = 100
const waitMs = 20_000

/** The loop of a worker. */
export class Consumer<Output> {
  readonly #group: Group<Output>
  readonly #format: MessageDecoder<Output>
  readonly #transport: Transport
  readonly #handler: Handler<Output>
  readonly #options: ConsumeOptions
  readonly #concurrency: number
  readonly #acks: Acks
  readonly #stopping = new AbortController()
  readonly #leases = new Set<HeldLease>()
  #queued: Task[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #lanes = new Set<unknown>()
  #mode: GroupMode = 'shared'
  /** Resolves the wait for room. */
  #changed = (): void => {}
  /** What a callback of the program has thrown, or an acknowledgement that should not throw. */
  #failure: { readonly error: unknown } | undefined

  constructor (
    group: Group<Output>, format: MessageDecoder<Output>, transport: Transport, handler: Handler<Output>, options: ConsumeOptions
  ) {
    this.#group = group
    this.#format = format
    this.#transport = transport
    this.#handler = handler
    this.#options = options
    this.#concurrency = wholeNumber('concurrency', options.concurrency ?? 1, 1)
    wholeNumber('prefetch', options.prefetch ?? 0, 0)
    this.#acks = new Acks(group as Group, (error) => { this.#fail(error) })
    // Once: a listener for each wait would stay as long as the consumer.
    this.#stopping.signal.addEventListener('abort', () => { this.#changed() }, { once: true })
  }

  async run (): Promise<void> {
    const { signal } = this.#options
    const stop = (): void => { this.#stopping.abort() }
    if (isAborted(signal)) return
    signal?.addEventListener('abort', stop, { once: true })
    try {
      this.#mode = await this.#modeOf()
      while (!this.#stopping.signal.aborted) await this.#receive()
    } catch (error) {
      if (!isAborted(signal) || error instanceof StreamsError) throw error
    } finally {
      signal?.removeEventListener('abort', stop)
      stop()
      await this.#finish()
    }
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #modeOf (): Promise<GroupMode> {
    try {
      return (await this.#group.describe({ signal: this.#stopping.signal, timeoutMs: Infinity })).mode
    } catch (error) {
      // The first receive makes it.
      if (hasCode(error, 'group_not_found')) return 'shared'
      throw error
    }
  }

  get #prefetch (): number {
    return this.#options.prefetch ?? (this.#mode === 'exclusive' ? 100 : this.#concurrency)
  }

  /** Leases messages when there is room for enough of them. */
  async #receive (): Promise<void> {
    const { signal } = this.#stopping
    if (!this.#hasRoom()) {
      await new Promise<void>((resolve) => { this.#changed = resolve })
      return
    }
    const askedAt = performance.now()
    const key = crypto.randomUUID()
    const ack = this.#acks.take()
    const asked = {
      limit: Math.max(1, Math.min(1_000, this.#concurrency + this.#prefetch - this.#queued.length - this.#running.size)),
      ...this.#options.leaseMs !== undefined && { leaseMs: this.#options.leaseMs },
      ...this.#options.consumer !== undefined && { consumer: this.#options.consumer }
    }
    try {
      const received = await this.#group.receive({ ...asked, ack, waitMs, signal, idempotencyKey: key })
      this.#acks.answered(ack, received.acked ?? [])
      if (received.lease !== null) this.#hold(received, received.lease)
      else await pace(askedAt, signal, Math.min(received.retryInMs ?? 1_000, 1_000)).catch(() => {})
    } catch (error) {
      this.#acks.return(ack)
      if (signal.aborted) return this.#giveBack(key)
      // A worker outlives an outage of any length.
      if (!(error instanceof StreamsError && error.retriable)) throw error
      await sleep(this.#transport.pause(error, 5), signal).catch(() => {})
    }
  }

  #hasRoom (): boolean {
    // An exclusive group hands out nothing while its lease is out.
    if (this.#mode === 'exclusive') return this.#queued.length + this.#running.size === 0
    return this.#queued.length <= this.#prefetch >> 1
  }

  #hold ({ messages }: Received<Output>, lease: Lease): void {
    const held = new HeldLease(this.#group as Group, lease, this.#options.leaseMs, (lost) => {
      this.#tell(() => this.#options.onLeaseLost?.([...lost.open]))
      this.#queued = this.#queued.filter(({ lease }) => lease !== lost)
      this.#leases.delete(lost)
      this.#changed()
    })
    this.#leases.add(held)
    for (const message of messages) {
      const { offset, key } = message
      const attempt = lease.redelivered.find(({ first, last }) => first <= offset && offset <= last)?.attempt ?? 1
      const lane = this.#mode === 'exclusive' ? this : this.#mode === 'keyed' && key !== undefined ? `key ${key}` : offset
      held.open.add(offset)
      this.#queued.push({ message, attempt, lease: held, lane })
    }
    this.#start()
  }

  /** Starts handlers as long as there is work that may be done now. */
  #start (): void {
    while (this.#running.size < this.#concurrency && !this.#stopping.signal.aborted) {
      const at = this.#queued.findIndex(({ lane }) => !this.#lanes.has(lane))
      const task = this.#queued[at]
      if (task === undefined) break
      this.#queued.splice(at, 1)
      this.#lanes.add(task.lane)
      const work = this.#handle(task).finally(() => {
        this.#running.delete(work)
        this.#lanes.delete(task.lane)
        this.#start()
      })
      this.#running.add(work)
    }
    this.#changed()
  }

  async #handle (task: Task): Promise<void> {
    try {
      await this.#call(task)
    } catch (error) {
      this.#tell(() => this.#options.onError?.(error, task.message))
      if (!task.lease.lost) await this.#nack(task, error)
      return
    } finally {
      if (task.lease.settle(task.message.offset) && task.lease.open.size === 0) this.#leases.delete(task.lease)
    }
    // Also of a lease that is lost by this process's clock: it may still be good for the service.
    this.#acks.add(task.lease, task.message.offset)
  }

  async #call ({ message, attempt, lease }: Task): Promise<void> {
    const { handlerTimeoutMs } = this.#options
    let payload: Output
    try {
      payload = this.#format.check(message)
    } catch (error) {
      throw new RejectMessage(messageOf(error), { cause: error })
    }
    const controller = new AbortController()
    const lost = (): void => { controller.abort(lease.signal.reason) }
    lease.signal.addEventListener('abort', lost, { once: true })
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      const handled = this.#handler({ ...message, payload }, { attempt, signal: controller.signal })
      await (handlerTimeoutMs === undefined
        ? handled
        : Promise.race([handled, new Promise((_resolve, reject) => {
          timer = timerOf(handlerTimeoutMs, () => {
            const text = `The handler took longer than ${handlerTimeoutMs} ms`
            const error = new StreamsError(text, { code: 'handler_timeout', retriable: true })
            controller.abort(error)
            reject(error)
          })
        })]))
    } finally {
      clearTimeout(timer)
      lease.signal.removeEventListener('abort', lost)
    }
  }

  /** Ends the consumer, which then rejects with the first error. */
  #fail (error: unknown): void {
    this.#failure ??= { error }
    this.#stopping.abort()
  }

  /** Calls back. What the program throws there, now or by a promise, ends the consumer. */
  #tell (callback: () => unknown): void {
    new Promise((resolve) => { resolve(callback()) }).catch((error: unknown) => { this.#fail(error) })
  }

  /** Gives a message back. Later ones of its lane in the lease go back with it. */
  async #nack ({ message, attempt, lease, lane }: Task, error: unknown): Promise<void> {
    const { backoff, onDeadLetter } = this.#options
    const ordered = this.#mode !== 'shared' && typeof lane !== 'number'
    const dropped = ordered ? this.#queued.filter((task) => task.lease === lease && task.lane === lane) : []
    this.#queued = this.#queued.filter((task) => !dropped.includes(task))
    try {
      const { dead } = await this.#group.nack({ leaseId: lease.id, offsets: [message.offset] }, {
        delayMs: Math.round(pauseOf({ baseMs: 1_000, maxMs: 60_000, ...backoff }, attempt)),
        reject: error instanceof RejectMessage,
        detail: shortened(messageOf(error))
      })
      if (dead > 0) this.#tell(() => onDeadLetter?.(message, error))
    } catch {
      // The lease was lost, or will end by its time: the message comes again.
    } finally {
      // They are returned, or must not overtake one that comes again: nobody handles them under this lease.
      for (const task of dropped) lease.settle(task.message.offset)
    }
  }

  /** Ends gracefully. */
  async #finish (): Promise<void> {
    const unbegun = byLease(this.#queued)
    this.#queued = []
    const returns = [...unbegun].map(async ([lease, tasks]) => {
      await this.#return(lease.id, tasks.map(({ message }) => message.offset))
      for (const { message } of tasks) lease.settle(message.offset)
    })
    await Promise.all([...returns, ...this.#running])
    await this.#acks.flush()
  }

  /** What an aborted receive may have leased is not kept from others until its time is over. */
  async #giveBack (idempotencyKey: string): Promise<void> {
    const received = await this.#group.receive({ limit: 1, idempotencyKey, timeoutMs: 5_000 }).catch(() => undefined)
    if (received?.lease) await this.#return(received.lease.id)
  }

  async #return (leaseId: string, offsets?: readonly number[]): Promise<void> {
    // If this fails, the lease ends by its time.
    await this.#group.nack({ leaseId, ...offsets !== undefined && { offsets } }, { counted: false, timeoutMs: 5_000 }).catch(() => {})
  }
}

/** A function, as the compiler takes what it has seen once for what stays. */
function isAborted (signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

/** Cut at a character. */
function shortened (text: string): string {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= detailBytesMax) return text
  return new TextDecoder().decode(bytes.subarray(0, detailBytesMax)).replace(/\uFFFD+$/, '')
}
