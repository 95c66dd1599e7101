import type { TraceSpan } from '../../ports/traces.ts'
import type { Bytes, Ms, Offset } from '../../ports/units.ts'
import { LogError, withWritten } from '../errors.ts'
import type { Operation } from '../operation.ts'
import type { NewMessage } from '../segments/message.ts'
import type { AppendConditions, PendingAppend } from './conditions.ts'
import { overloaded, type Waiter } from './link-window.ts'
import type { LogContext } from './topic-storage.ts'

export interface Appended {
  readonly first: Offset
  /** One less than `first` if there were no messages. */
  readonly last: Offset
  /** An earlier copy of the append was stored; the offsets are the earlier copy's. */
  readonly duplicate?: boolean
  /** The append closed the topic. */
  readonly closed?: boolean
}

export interface QueuedAppend extends PendingAppend {
  readonly size: Bytes
  readonly operation: Operation
  /** Of the append. `undefined` while traces are off. */
  readonly span: TraceSpan | undefined
  /** Monotonic ms by which the caller has an answer. */
  readonly deadline: Ms
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: LogError) => void
  /** How many ranges have been reserved for it so far. */
  ranges: number
  /** Called when the caller has been answered. */
  readonly onSettled: Array<() => void>
}

export interface QueueHooks {
  /** Writes the group, or puts its appends back into the queue. Never rejects. @param bytes approximate size of the group */
  commit (group: QueuedAppend[], bytes: Bytes): Promise<void>
  /** Called whenever nothing is pending or in flight any more. */
  idle (): void
}

/**
 * The appends of one topic that wait to be written. The queue decides when they are sent: the appends that arrive while a put
 * is in flight are sent together, as one segment, when the put has ended (log §3.5), unless the link has no room yet (log §3.6).
 */
export class AppendQueue implements Waiter {
  readonly #context: LogContext
  readonly #hooks: QueueHooks
  #pending: QueuedAppend[] = []
  #pendingMessages = 0
  #pendingBytes = 0
  #inFlight = 0
  #scheduled = false
  #cancelLinger: (() => void) | undefined
  /** Whether it is in the queue of the link's window. */
  #waiting = false
  #cancelExpiry: (() => void) | undefined

  constructor (context: LogContext, hooks: QueueHooks) {
    this.#context = context
    this.#hooks = hooks
  }

  get isIdle (): boolean {
    return this.#pending.length === 0 && this.#inFlight === 0
  }

  /** @returns false if so many bytes are pending that the append could not be written in time */
  push (append: QueuedAppend): boolean {
    const waitedMs = this.#pending.length === 0 ? 0 : this.#context.clock.monotonic() - this.#arrival(this.#pending[0]!)
    if (!this.#context.putWindow.addBacklog(append.size, { bytes: this.#pendingBytes, waitedMs })) {
      this.#settled()
      return false
    }
    this.#pending.push(append)
    this.#pendingMessages += append.messages.length
    this.#pendingBytes += append.size
    this.#schedule()
    return true
  }

  /** Puts appends back in the order of their arrival, whatever the backlog is. @param appends ascending by `arrived` */
  putBack (appends: readonly QueuedAppend[]): void {
    if (appends.length === 0) return
    const pending = this.#pending
    if (pending.length === 0 || appends.at(-1)!.arrived < pending[0]!.arrived) pending.unshift(...appends)
    else this.#pending = [...appends, ...pending].sort((a, b) => a.arrived - b.arrived)
    for (const { messages, size } of appends) {
      this.#pendingMessages += messages.length
      this.#pendingBytes += size
      this.#context.putWindow.putBack(size)
    }
    // The append that is first now may expire earlier than the one that was.
    this.#cancelExpiry?.()
    this.#cancelExpiry = undefined
    this.#schedule()
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
    this.#inFlight++
    this.#hooks.commit(group, group.reduce((bytes, { size }) => bytes + size, 0)).finally(() => {
      this.#inFlight--
      if (this.#pending.length > 0) this.#schedule()
      else this.#settled()
    }).catch(() => {}) // commit settles its appends itself
    this.#schedule()
  }

  /** Refuses each pending append as soon as too little time is left to write it. */
  #watchExpiry (): void {
    const { clock } = this.#context
    this.#cancelExpiry ??= clock.timer(Math.max(0, this.latestStart(this.#pending[0]!) - clock.monotonic()), () => {
      this.#cancelExpiry = undefined
      const now = clock.monotonic()
      while (this.#pending.length > 0 && this.latestStart(this.#pending[0]!) <= now) {
        const [late] = this.#take(1)
        settle(this.#context, late!, failureOf(late!.conditions, overloaded()))
      }
      if (this.#pending.length > 0) this.#watchExpiry()
      else this.#settled()
    })
  }

  /** When the append came, monotonic ms. */
  #arrival ({ deadline }: QueuedAppend): Ms {
    return deadline - this.#context.limits.appendTimeoutMs
  }

  /** Monotonic ms after which the append is not sent any more: a put, and resolving by a seal, must fit before its deadline. */
  latestStart ({ deadline }: QueuedAppend): Ms {
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
    if (this.#inFlight === 0) this.#hooks.idle()
  }

  /** The longest run of pending appends that fits into `bytesMax` and one segment; at least one. */
  #takeGroup (bytesMax: Bytes): QueuedAppend[] {
    const { segmentMessagesMax } = this.#context.limits
    let count = 0
    let messages = 0
    let bytes = 0
    for (const append of this.#pending) {
      messages += append.messages.length
      bytes += append.size
      if (count > 0 && (messages > segmentMessagesMax || bytes > bytesMax)) break
      count++
    }
    return this.#take(count)
  }

  #take (count: number): QueuedAppend[] {
    const group = this.#pending.splice(0, count)
    const before = this.#pendingBytes
    for (const append of group) {
      this.#pendingMessages -= append.messages.length
      this.#pendingBytes -= append.size
    }
    this.#context.putWindow.removeBacklog(before - this.#pendingBytes)
    return group
  }
}

/** Approximate bytes of the messages' lines. The bound of a segment need not be exact. */
export function sizeOf (messages: readonly NewMessage[]): Bytes {
  let size = 0
  for (const { payload, key = '', headers = '' } of messages) size += payload.length + key.length + headers.length + 64
  return size
}

/**
 * The error to answer when an attempt has failed. With a producer or a key, another copy of the append may have been written,
 * or may still be: so a failed attempt is not told as `written: no`, and repeating the append is always safe (log §6.11).
 */
export function failureOf ({ producer, key }: AppendConditions, error: LogError): LogError {
  return error.written !== 'no' || (producer === undefined && key === undefined) ? error : withWritten(error, 'unknown')
}

/** Answers the caller, then wakes the copies that wait for this append. */
export function settle ({ clock, limits, telemetry }: LogContext, append: QueuedAppend, outcome: Appended | LogError): void {
  const ms = clock.monotonic() - append.deadline + limits.appendTimeoutMs
  if (outcome instanceof LogError) {
    telemetry.append(outcome.code, ms)
    append.reject(outcome)
  } else {
    telemetry.append(outcome.duplicate === true ? 'duplicate' : 'ok', ms)
    append.resolve(outcome)
  }
  for (const callback of append.onSettled.splice(0)) callback()
}
