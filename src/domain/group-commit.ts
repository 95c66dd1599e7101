import { appendSegment } from './append.ts'
import { toLogError, type LogCore, type StorageCalls } from './core.ts'
import { LogError } from './errors.ts'
import type { NewMessage } from './message.ts'
import type { MessageSegment } from './segment.ts'

export interface Appended {
  readonly first: number
  readonly last: number
  readonly calls: StorageCalls
}

interface Entry {
  readonly messages: readonly NewMessage[]
  readonly size: number
  /** Monotonic ms by which the caller has an answer. */
  readonly deadline: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: LogError) => void
}

/**
 * Group commit for one topic (log §3.5): what arrives while a put is in flight leaves together as one segment when it
 * ends. Nothing waits for a timer when idle; the batch forms by itself under load (the natural batching of Kafka's
 * producer and of databases' commit logs).
 */
export class GroupCommit {
  readonly #core: LogCore
  readonly #topic: string
  readonly #idle: () => void
  readonly #appended: (segment: MessageSegment) => void
  #pending: Entry[] = []
  #pendingMessages = 0
  #pendingBytes = 0
  #inFlight = 0
  #scheduled = false
  #cancelLinger: (() => void) | undefined

  /**
   * @param idle called whenever nothing is pending or in flight any more
   * @param appended called with each segment that was written
   */
  constructor (core: LogCore, topic: string, idle: () => void, appended: (segment: MessageSegment) => void) {
    this.#core = core
    this.#topic = topic
    this.#idle = idle
    this.#appended = appended
  }

  append (messages: readonly NewMessage[]): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const deadline = this.#core.clock.monotonic() + this.#core.limits.appendTimeoutMs
      const size = sizeOf(messages)
      this.#pending.push({ messages, size, deadline, resolve, reject })
      this.#pendingMessages += messages.length
      this.#pendingBytes += size
      this.#schedule()
    })
  }

  #schedule (): void {
    const { clock, limits } = this.#core
    if (this.#inFlight >= limits.putsInFlightMax || this.#pending.length === 0) return
    // Like Kafka's linger.ms: a segment that is full does not wait for more.
    const full = this.#pendingMessages >= limits.segmentMessagesMax || this.#pendingBytes >= limits.segmentBytesMax
    const arrived = this.#pending[0]!.deadline - limits.appendTimeoutMs
    const lingerMs = arrived + limits.lingerMs - clock.monotonic()
    if (limits.lingerMs > 0 && lingerMs > 0 && !full) {
      this.#cancelLinger ??= clock.timer(lingerMs, () => { this.#start() })
    } else if (!this.#scheduled) {
      this.#scheduled = true
      clock.soon(() => { this.#start() })
    }
  }

  #start (): void {
    this.#cancelLinger?.()
    this.#cancelLinger = undefined
    this.#scheduled = false
    // What was waited for may have left already, full.
    if (this.#inFlight >= this.#core.limits.putsInFlightMax || this.#pending.length === 0) return
    this.#commit(this.#takeGroup()).catch(() => {}) // it settles its entries itself
    this.#schedule()
  }

  /** The longest run of pending appends that fits into one segment; at least one. */
  #takeGroup (): Entry[] {
    const { segmentMessagesMax, segmentBytesMax } = this.#core.limits
    let count = 0
    let messages = 0
    let bytes = 0
    for (const entry of this.#pending) {
      messages += entry.messages.length
      bytes += entry.size
      if (count > 0 && (messages > segmentMessagesMax || bytes > segmentBytesMax)) break
      count++
    }
    const group = this.#pending.splice(0, count)
    for (const entry of group) {
      this.#pendingMessages -= entry.messages.length
      this.#pendingBytes -= entry.size
    }
    return group
  }

  async #commit (group: readonly Entry[]): Promise<void> {
    this.#inFlight++
    try {
      const messages = group.length === 1 ? group[0]!.messages : group.flatMap((entry) => entry.messages)
      // The first entry has waited longest.
      const { segment, calls } = await appendSegment(this.#core, this.#topic, messages, group[0]!.deadline)
      let offset = segment.first
      for (const entry of group) {
        entry.resolve({ first: offset, last: offset + entry.messages.length - 1, calls })
        offset += entry.messages.length
      }
      this.#appended(segment)
    } catch (error) {
      const failure = toLogError(error, 'unknown')
      for (const entry of group) entry.reject(failure)
    } finally {
      this.#inFlight--
      if (this.#pending.length > 0) this.#schedule()
      else if (this.#inFlight === 0) this.#idle()
    }
  }
}

/** About the bytes of the messages' lines: what bounds a segment need not be exact. */
function sizeOf (messages: readonly NewMessage[]): number {
  let size = 0
  for (const { payload, key = '', headers = '' } of messages) size += payload.length + key.length + headers.length + 64
  return size
}
