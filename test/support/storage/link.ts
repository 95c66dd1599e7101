import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import type { RecordStore } from '../../../src/ports/record-store.ts'
import type { CallOptions, NamedSegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
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

export interface Stores {
  readonly segments: NamedSegmentStore
  readonly topics: TopicStore
  readonly records: RecordStore
}

export interface LinkedStores extends Stores {
  readonly up: Link
  readonly down: Link
  /** The same stores without the link between. */
  readonly near: Stores
  /** Of both directions. */
  setBandwidth (bytesPerSecond: number): void
}

/** Memory stores at the other end of a link with the given bandwidth in each direction. */
export function linkedStores (
  scheduler: Scheduler, { bytesPerSecond, latencyMs }: { bytesPerSecond: number, latencyMs: number }
): LinkedStores {
  const now = (): number => Math.floor(scheduler.now)
  const near: Stores = {
    segments: createMemorySegmentStore(now), topics: createMemoryTopicStore(now), records: createMemoryRecordStore()
  }
  const up = new Link(scheduler, bytesPerSecond)
  const down = new Link(scheduler, bytesPerSecond)
  const pass = (): Promise<void> => new Promise((resolve) => { scheduler.at(scheduler.now + latencyMs / 2, undefined, resolve) })

  /** The port at the other end. Calls that are not in `sizes` have no body worth counting in either direction. */
  function linked<Port extends object> (port: Port, sizes: BodySizes<Port> = {}): Port {
    return new Proxy(port, {
      get (target, name: string & keyof Port) {
        const method = target[name] as (...parameters: unknown[]) => Promise<unknown>
        if (name === 'check') return method
        const { up: bytesUp = none, down: bytesDown = none } = (sizes[name] ?? {})
        return async (...parameters: unknown[]) => {
          const { signal } = (parameters.at(-1) ?? {}) as CallOptions
          await up.transfer(HEADER_BYTES + bytesUp(...parameters), signal)
          await pass()
          const result = await method.apply(target, parameters)
          await down.transfer(HEADER_BYTES + bytesDown(result), signal)
          await pass()
          return result
        }
      }
    })
  }

  return {
    up,
    down,
    near,
    setBandwidth (value) {
      up.setBandwidth(value)
      down.setBandwidth(value)
    },
    segments: linked(near.segments, {
      putIfAbsent: { up: (_topic, _last, object) => object.body.length },
      get: { down: (object) => object?.body.length ?? 0 },
      list: { down: ({ entries }) => entries.length * LIST_ENTRY_BYTES }
    }),
    topics: linked(near.topics),
    records: linked(near.records)
  }
}

/** Bytes of the bodies of a request and of its answer; absent: none. */
interface BodySize<Parameters extends unknown[] = unknown[], Answer = unknown> {
  readonly up?: (...parameters: Parameters) => number
  readonly down?: (answer: Answer) => number
}

type BodySizes<Port> = {
  [Method in keyof Port]?:
  Port[Method] extends (...parameters: infer Parameters) => Promise<infer Answer> ? BodySize<Parameters, Answer> : never
}

function none (): number {
  return 0
}
