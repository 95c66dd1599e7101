import { LogError, withWritten } from '../errors.ts'
import type { Operation } from '../operation.ts'
import type { NewMessage } from '../segments/message.ts'
import type { AppendConditions, PendingAppend } from './conditions.ts'
import { overloaded, type Waiter } from './link-window.ts'
import type { LogContext } from './topic-storage.ts'

export interface Appended {
  readonly first: number
  /** One less than `first` if there were no messages. */
  readonly last: number
  /** It stood already. */
  readonly duplicate?: boolean
  /** The topic is closed now. */
  readonly closed?: boolean
}

export interface QueuedAppend extends PendingAppend {
  readonly size: number
  readonly operation: Operation
  /** Monotonic ms by which the caller has an answer. */
  readonly deadline: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: LogError) => void
  /** Ranges that were reserved for it. */
  ranges: number
  /** Called when the caller has been answered. */
  readonly onSettled: Array<() => void>
}

export interface QueueHooks {
  /** Writes the group, or puts it back. Never rejects. @param bytes of the group, about */
  commit (group: QueuedAppend[], bytes: number): Promise<void>
  /** Nothing is pending or in flight any more. */
  idle (): void
}

/**
 * The appends of one topic that wait to be written. When one may leave is decided here: what arrives while a put is in flight
 * leaves together as one segment when it ends (log §3.5), and what the link has no room for waits (log §3.6).
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
  /** In the queue of the link's window. */
  #waiting = false
  #cancelExpiry: (() => void) | undefined

  constructor (context: LogContext, hooks: QueueHooks) {
    this.#context = context
    this.#hooks = hooks
  }

  get isIdle (): boolean {
    return this.#pending.length === 0 && this.#inFlight === 0
  }

  /** @returns false if so much waits that it could not be written in time */
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

  /** In the order of their arrival again, whatever the backlog is. @param appends in that order */
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
    // The first one may have less time now.
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
    // What was waited for may have left already, full.
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

  /** For the window: there is room. */
  start (bytes: number): void {
    this.#waiting = false
    this.#send(bytes)
  }

  /** About the size of the next segment, if it left now. */
  bytes (): number {
    const most = Math.min(this.#pendingBytes, this.#context.limits.segmentBytesMax, this.#context.putWindow.share)
    return Math.max(most, this.#pending[0]?.size ?? 0)
  }

  #send (bytesMax: number): void {
    const group = this.#takeGroup(bytesMax)
    this.#inFlight++
    this.#hooks.commit(group, group.reduce((bytes, { size }) => bytes + size, 0)).finally(() => {
      this.#inFlight--
      if (this.#pending.length > 0) this.#schedule()
      else this.#settled()
    }).catch(() => {}) // it settles its appends itself
    this.#schedule()
  }

  /** An append that waits until there is no time left to write it is refused then, and not written late. */
  #watchExpiry (): void {
    const { clock } = this.#context
    this.#cancelExpiry ??= clock.timer(Math.max(0, this.latestStart(this.#pending[0]!) - clock.monotonic()), () => {
      this.#cancelExpiry = undefined
      const now = clock.monotonic()
      while (this.#pending.length > 0 && this.latestStart(this.#pending[0]!) <= now) {
        const [late] = this.#take(1)
        settle(late!, failureOf(late!.conditions, overloaded()))
      }
      if (this.#pending.length > 0) this.#watchExpiry()
      else this.#settled()
    })
  }

  /** Monotonic ms. */
  #arrival ({ deadline }: QueuedAppend): number {
    return deadline - this.#context.limits.appendTimeoutMs
  }

  /** Monotonic ms from which on an append is not sent any more: one put, and giving up in order, must fit before its deadline. */
  latestStart ({ deadline }: QueuedAppend): number {
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
  #takeGroup (bytesMax: number): QueuedAppend[] {
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

/** About the bytes of the messages' lines: what bounds a segment need not be exact. */
export function sizeOf (messages: readonly NewMessage[]): number {
  let size = 0
  for (const { payload, key = '', headers = '' } of messages) size += payload.length + key.length + headers.length + 64
  return size
}

/**
 * A failure, as it is told to the caller. With a producer or a key, another copy of the append may stand or yet be written, so
 * "not written" is told only by a judgement, and repeating is always safe (log §6.11).
 */
export function failureOf ({ producer, key }: AppendConditions, error: LogError): LogError {
  return error.written !== 'no' || (producer === undefined && key === undefined) ? error : withWritten(error, 'unknown')
}

/** Answers the caller. */
export function settle (append: QueuedAppend, outcome: Appended | LogError): void {
  if (outcome instanceof LogError) append.reject(outcome)
  else append.resolve(outcome)
  for (const callback of append.onSettled.splice(0)) callback()
}
