import { createMemoryOffsetCounter } from '../../../src/adapters/memory/offset-topics.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import type { OffsetCounter } from '../../../src/ports/offset-topics.ts'
import type { CallOptions, SegmentStore } from '../../../src/ports/segment-store.ts'
import type { Scheduler } from '../../simulation/engine/scheduler.ts'

interface Transfer { left: number, readonly done: () => void }

/** One direction of a network link in the scheduler's time. What is sent at the same time shares it evenly, as TCP connections do. */
export class Link {
  readonly #scheduler: Scheduler
  readonly #transfers = new Set<Transfer>()
  #bytesPerSecond: number
  #advancedAt: number
  #cancelNext: (() => void) | undefined
  /** Bytes that went through, those of transfers that were aborted later included. */
  carriedBytes = 0

  constructor (scheduler: Scheduler, bytesPerSecond: number) {
    this.#scheduler = scheduler
    this.#bytesPerSecond = bytesPerSecond
    this.#advancedAt = scheduler.now
  }

  /** 0 is a stall. */
  setBandwidth (bytesPerSecond: number): void {
    this.#advance()
    this.#bytesPerSecond = bytesPerSecond
    this.#plan()
  }

  /** Resolves when the bytes are through; never if it is aborted before. */
  transfer (bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return
      this.#advance()
      const transfer: Transfer = { left: bytes, done: resolve }
      this.#transfers.add(transfer)
      signal?.addEventListener('abort', () => {
        this.#advance()
        this.#transfers.delete(transfer)
        this.#plan()
      })
      this.#plan()
    })
  }

  #advance (): void {
    const { now } = this.#scheduler
    const each = (now - this.#advancedAt) / 1_000 * this.#bytesPerSecond / this.#transfers.size
    this.#advancedAt = now
    for (const transfer of this.#transfers) {
      this.carriedBytes += Math.min(each, transfer.left)
      transfer.left -= each
    }
  }

  #plan (): void {
    this.#cancelNext?.()
    this.#cancelNext = undefined
    if (this.#transfers.size === 0 || this.#bytesPerSecond === 0) return
    const least = Math.max(0, Math.min(...[...this.#transfers].map(({ left }) => left)))
    const ms = least * this.#transfers.size / this.#bytesPerSecond * 1_000
    this.#cancelNext = this.#scheduler.at(this.#scheduler.now + ms, undefined, () => {
      this.#advance()
      for (const transfer of [...this.#transfers]) {
        // What passes in a microsecond: the scheduler's clock is not finer.
        if (transfer.left > this.#bytesPerSecond / 1e6) continue
        this.#transfers.delete(transfer)
        transfer.done()
      }
      this.#plan()
    })
  }
}

/** What a request or an answer takes beside its body. */
const HEADER_BYTES = 500
/** An entry of a LIST in S3's XML. */
const LIST_ENTRY_BYTES = 300

export interface LinkedStores {
  readonly segments: SegmentStore
  readonly topics: OffsetCounter
  readonly up: Link
  readonly down: Link
  /** The same stores without the link between. */
  readonly near: { readonly segments: SegmentStore, readonly topics: OffsetCounter }
  /** Of both directions. */
  setBandwidth (bytesPerSecond: number): void
}

/** Memory stores at the other end of a link with the given bandwidth in each direction. */
export function linkedStores (
  scheduler: Scheduler, { bytesPerSecond, latencyMs }: { bytesPerSecond: number, latencyMs: number }
): LinkedStores {
  const now = (): number => Math.floor(scheduler.now)
  const segments = createMemorySegmentStore(now)
  const topics = createMemoryOffsetCounter(now)
  const up = new Link(scheduler, bytesPerSecond)
  const down = new Link(scheduler, bytesPerSecond)

  const pass = (): Promise<void> => new Promise((resolve) => { scheduler.at(scheduler.now + latencyMs / 2, undefined, resolve) })
  const call = async <T>(
    options: CallOptions | undefined, bytesUp: number, apply: () => Promise<T>, bytesDown: (result: T) => number
  ): Promise<T> => {
    const signal = options?.signal
    await up.transfer(HEADER_BYTES + bytesUp, signal)
    await pass()
    const result = await apply()
    await down.transfer(HEADER_BYTES + bytesDown(result), signal)
    await pass()
    return result
  }
  const small = (): number => 0

  return {
    up,
    down,
    near: { segments, topics },
    setBandwidth (value) {
      up.setBandwidth(value)
      down.setBandwidth(value)
    },
    segments: {
      putIfAbsent: (topic, last, object, options) =>
        call(options, object.body.length, () => segments.putIfAbsent(topic, last, object, options), small),
      get: (topic, last, options) => call(options, 0, () => segments.get(topic, last), (object) => object?.body.length ?? 0),
      list: (topic, from, limit, options) =>
        call(options, 0, () => segments.list(topic, from, limit), ({ entries }) => entries.length * LIST_ENTRY_BYTES),
      remove: (topic, lasts, options) => call(options, 0, () => segments.remove(topic, lasts), small),
      check: () => segments.check()
    },
    topics: {
      reserve: (topic, count, options) => call(options, 0, () => topics.reserve(topic, count, options), small),
      read: (topic, options) => call(options, 0, () => topics.read(topic), small),
      correctReservedAt: (topic, reservation, options) => call(options, 0, () => topics.correctReservedAt(topic, reservation), small),
      raiseEarliest: (topic, to, options) => call(options, 0, () => topics.raiseEarliest(topic, to), small),
      markDeleted: (topic, currentOffset, options) => call(options, 0, () => topics.markDeleted(topic, currentOffset), small),
      check: () => topics.check()
    }
  }
}
