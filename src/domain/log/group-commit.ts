import type { Bytes, Ms, Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { addCalls, createOperation, type Operation } from '../operation.ts'
import type { NewMessage } from '../segments/message.ts'
import type { MessageSegment } from '../segments/segment.ts'
import { appendSegment, isTimeout } from './append.ts'
import { overloaded, type Waiter } from './link-window.ts'
import { toLogError, type LogContext } from './topic-storage.ts'

export interface Appended {
  readonly first: Offset
  readonly last: Offset
}

interface Entry {
  readonly messages: readonly NewMessage[]
  readonly size: Bytes
  readonly operation: Operation
  /** Monotonic ms by which the caller has an answer. */
  readonly deadline: Ms
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: LogError) => void
}

/**
 * Group commit for one topic (log §3.5): the appends that arrive while a put is in flight are sent together, as one segment,
 * when the put has ended. An append to an idle topic waits for no timer; batches form by themselves under load (the natural
 * batching of Kafka's producer and of databases' commit logs).
 */
export class GroupCommit implements Waiter {
  readonly #context: LogContext
  readonly #topic: string
  readonly #idle: () => void
  readonly #appended: (segment: MessageSegment) => void
  #pending: Entry[] = []
  #pendingMessages = 0
  #pendingBytes = 0
  #inFlight = 0
  #scheduled = false
  #cancelLinger: (() => void) | undefined
  /** Whether it is in the queue of the link's window. */
  #waiting = false
  #cancelExpiry: (() => void) | undefined

  /**
   * @param idle called whenever nothing is pending or in flight any more
   * @param appended called with each segment that was written
   */
  constructor (context: LogContext, topic: string, idle: () => void, appended: (segment: MessageSegment) => void) {
    this.#context = context
    this.#topic = topic
    this.#idle = idle
    this.#appended = appended
  }

  append (messages: readonly NewMessage[], operation: Operation): Promise<Appended> {
    const size = sizeOf(messages)
    const now = this.#context.clock.monotonic()
    const waitedMs = this.#pending.length === 0 ? 0 : now - this.#arrival(this.#pending[0]!)
    if (!this.#context.putWindow.addBacklog(size, { bytes: this.#pendingBytes, waitedMs })) {
      this.#settled()
      return Promise.reject(overloaded())
    }
    return new Promise((resolve, reject) => {
      const deadline = now + this.#context.limits.appendTimeoutMs
      this.#pending.push({ messages, size, operation, deadline, resolve, reject })
      this.#pendingMessages += messages.length
      this.#pendingBytes += size
      this.#schedule()
    })
  }

  #schedule (): void {
    const { clock, limits } = this.#context
    if (this.#pending.length === 0) return
    if (this.#inFlight >= limits.putsInFlightMax || this.#waiting) {
      this.#watchExpiry()
      return
    }
    // Like Kafka's linger.ms: a segment that is full does not wait for more.
    const full = this.#pendingMessages >= limits.segmentMessagesMax || this.#pendingBytes >= limits.segmentBytesMax
    const lingerMs = this.#arrival(this.#pending[0]!) + limits.lingerMs - clock.monotonic()
    if (limits.lingerMs > 0 && lingerMs > 0 && !full) {
      this.#cancelLinger ??= clock.timer(lingerMs, () => { this.#begin() })
    } else if (!this.#scheduled) {
      this.#scheduled = true
      clock.afterCurrentInput(() => { this.#begin() })
    }
  }

  #begin (): void {
    this.#cancelLinger?.()
    this.#cancelLinger = undefined
    this.#scheduled = false
    // The pending appends may have been sent already, because their segment was full.
    if (this.#inFlight >= this.#context.limits.putsInFlightMax || this.#pending.length === 0 || this.#waiting) return
    const bytes = this.bytes()
    if (this.#context.putWindow.hasRoom(bytes)) {
      this.#send(bytes)
    } else {
      this.#waiting = true
      this.#context.putWindow.wait(this, this)
      this.#watchExpiry()
    }
  }

  /** Called by the window when there is room. */
  start (bytes: Bytes): void {
    this.#waiting = false
    this.#send(bytes)
  }

  /** Approximate size of the segment that would be sent now. */
  bytes (): Bytes {
    const most = Math.min(this.#pendingBytes, this.#context.limits.segmentBytesMax, this.#context.putWindow.share)
    return Math.max(most, this.#pending[0]?.size ?? 0)
  }

  #send (bytesMax: Bytes): void {
    const group = this.#takeGroup(bytesMax)
    this.#commit(group).catch(() => {}) // it settles its entries itself
    this.#schedule()
  }

  /** Refuses each pending append as soon as too little time is left to write it. */
  #watchExpiry (): void {
    const { clock } = this.#context
    this.#cancelExpiry ??= clock.timer(Math.max(0, this.#latestStart(this.#pending[0]!) - clock.monotonic()), () => {
      this.#cancelExpiry = undefined
      const now = clock.monotonic()
      while (this.#pending.length > 0 && this.#latestStart(this.#pending[0]!) <= now) this.#take(1)[0]!.reject(overloaded())
      if (this.#pending.length > 0) this.#watchExpiry()
      else this.#settled()
    })
  }

  /** When the append came, monotonic ms. */
  #arrival ({ deadline }: Entry): Ms {
    return deadline - this.#context.limits.appendTimeoutMs
  }

  /** Monotonic ms after which the append is not sent any more: a put, and resolving by a seal, must fit before its deadline. */
  #latestStart ({ deadline }: Entry): Ms {
    return deadline - this.#context.limits.resolveBySealMs - this.#context.limits.putTimeoutMs
  }

  #settled (): void {
    if (this.#pending.length > 0) return
    this.#cancelExpiry?.()
    this.#cancelExpiry = undefined
    if (this.#waiting) {
      this.#waiting = false
      this.#context.putWindow.cancel(this, this)
    }
    if (this.#inFlight === 0) this.#idle()
  }

  /** The longest run of pending appends that fits into `bytesMax` and one segment; at least one. */
  #takeGroup (bytesMax: Bytes): Entry[] {
    const { segmentMessagesMax } = this.#context.limits
    let count = 0
    let messages = 0
    let bytes = 0
    for (const entry of this.#pending) {
      messages += entry.messages.length
      bytes += entry.size
      if (count > 0 && (messages > segmentMessagesMax || bytes > bytesMax)) break
      count++
    }
    return this.#take(count)
  }

  #take (count: number): Entry[] {
    const group = this.#pending.splice(0, count)
    const before = this.#pendingBytes
    for (const entry of group) {
      this.#pendingMessages -= entry.messages.length
      this.#pendingBytes -= entry.size
    }
    this.#context.putWindow.removeBacklog(before - this.#pendingBytes)
    return group
  }

  async #commit (group: readonly Entry[]): Promise<void> {
    const { clock, putWindow } = this.#context
    this.#inFlight++
    const operation = createOperation()
    const flight = putWindow.enter(group.reduce((bytes, { size }) => bytes + size, 0))
    try {
      const messages = group.length === 1 ? group[0]!.messages : group.flatMap((entry) => entry.messages)
      // The first entry has waited longest.
      const segment = await appendSegment(this.#context, this.#topic, messages, { operation, deadline: group[0]!.deadline, flight })
      let offset = segment.first
      for (const entry of group) {
        entry.resolve({ first: offset, last: offset + entry.messages.length - 1 })
        offset += entry.messages.length
      }
      this.#appended(segment)
    } catch (error) {
      const failure = toLogError(error, 'unknown')
      const now = clock.monotonic()
      // Certainly not written: appends that still have the time are sent again, in segments of the size that fits now.
      const mayRepeat = failure.code === 'append_timeout' && failure.written === 'no' && isTimeout(failure.cause)
      const repeated = mayRepeat ? group.filter((entry) => this.#latestStart(entry) > now) : []
      for (const entry of group.slice(0, group.length - repeated.length)) entry.reject(failure)
      this.#putBack(repeated)
    } finally {
      // Before the callers go on, which await what was resolved above.
      for (const entry of group) addCalls(entry.operation.calls, operation.calls)
      this.#inFlight--
      flight.leave()
      if (this.#pending.length > 0) this.#schedule()
      else this.#settled()
    }
  }

  /** Puts the appends at the head of the queue again, since they have waited longest, whatever the backlog is. */
  #putBack (group: readonly Entry[]): void {
    this.#pending.unshift(...group)
    for (const { messages, size } of group) {
      this.#pendingMessages += messages.length
      this.#pendingBytes += size
      this.#context.putWindow.putBack(size)
    }
  }
}

/** Approximate bytes of the messages' lines. The bound of a segment need not be exact. */
function sizeOf (messages: readonly NewMessage[]): Bytes {
  let size = 0
  for (const { payload, key = '', headers = '' } of messages) size += payload.length + key.length + headers.length + 64
  return size
}
