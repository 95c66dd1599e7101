import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import { encodeSegment } from '../../../src/domain/segments/segment.ts'
import { Process, Scheduler } from '../../simulation/engine/scheduler.ts'
import { linkedStores, type LinkedStores } from './link.ts'
import { reserve } from './reserve.ts'

export interface AppendLoad {
  readonly topics: number
  readonly messageBytes: number
  /**
   * `open`: appends come at a rate that is this many times the link's capacity, whatever becomes of them.
   * `closed`: so many writers that their appends together are this many seconds of the link; after a refusal a writer waits for a second.
   */
  readonly loop: 'open' | 'closed'
  readonly offered: number
}

export interface AppendRunOptions {
  /** Of the link, in each direction. */
  readonly bytesPerSecond: number
  readonly latencyMs?: number
  readonly seconds: number
  /** All at the same time, each on topics of its own. */
  readonly loads: readonly AppendLoad[]
  /** From `from` until `until` (seconds) the link has `share` of its bandwidth; 0 is a stall. */
  readonly slow?: { readonly from: number, readonly until: number, readonly share: number }
  readonly limits?: Partial<Limits>
  /** The log under test; by default this project's. */
  readonly create?: typeof createLog
}

export interface AppendResult {
  /** Its index in `loads`. */
  readonly load: number
  /** Seconds since the start of the run. */
  readonly start: number
  readonly end: number
  readonly bytes: number
  /** `ok`, or the code of the error and `written`. */
  readonly outcome: string
}

export interface AppendRun {
  readonly results: readonly AppendResult[]
  /** Written bytes a second, relative to the link's capacity, of appends acknowledged between two times, in seconds. */
  goodput (from: number, until: number): number
  /** How many appends that began between two times ended in each way. */
  outcomes (from: number, until: number): Record<string, number>
  /** The longest time that an append took to be answered, in seconds. */
  readonly slowest: number
}

/** Appends over a simulated link, in virtual time. The same load gives the same results. */
export async function runAppends (options: AppendRunOptions): Promise<AppendRun> {
  const { bytesPerSecond, latencyMs = 20, seconds, loads, slow, limits, create = createLog } = options
  const scheduler = new Scheduler()
  const stores = linkedStores(scheduler, { bytesPerSecond, latencyMs })
  const log = logOf(scheduler, stores, create, limits)
  const begin = scheduler.now
  const end = begin + seconds * 1_000
  const results: AppendResult[] = []
  let open = 0

  const append = async (load: number, topic: number, payload: string): Promise<boolean> => {
    const start = scheduler.now
    open++
    const outcome = await log.append(`topic-${load}-${topic}`, [{ payload }]).then(() => 'ok', (error: unknown) => {
      if (!(error instanceof Error) || error.name !== 'LogError') throw error
      const { code, written } = error as LogError
      return `${code} (${written})`
    })
    open--
    results.push({ load, start: (start - begin) / 1_000, end: (scheduler.now - begin) / 1_000, bytes: payload.length, outcome })
    return outcome === 'ok'
  }
  const at = (ms: number, run: () => void): void => { scheduler.at(ms, undefined, run) }
  const fail = (error: unknown): void => { scheduler.fail(error) }

  for (const [l, { topics, messageBytes, loop, offered }] of loads.entries()) {
    const payload = `"${'x'.repeat(messageBytes - 2)}"`
    if (loop === 'open') {
      const everyMs = messageBytes / (bytesPerSecond * offered) * 1_000
      for (let n = 0; n * everyMs < seconds * 1_000; n++) at(begin + n * everyMs, () => { append(l, n % topics, payload).catch(fail) })
      continue
    }
    const writer = async (n: number): Promise<void> => {
      while (scheduler.now < end) {
        if (!await append(l, n % topics, payload)) await new Promise<void>((resolve) => { at(scheduler.now + 1_000, resolve) })
      }
    }
    const writers = Math.ceil(bytesPerSecond * offered / messageBytes)
    for (let n = 0; n < writers; n++) at(begin + n, () => { writer(n).catch(fail) })
  }
  if (slow !== undefined) {
    at(begin + slow.from * 1_000, () => { stores.setBandwidth(bytesPerSecond * slow.share) })
    at(begin + slow.until * 1_000, () => { stores.setBandwidth(bytesPerSecond) })
  }
  await scheduler.run(() => scheduler.now >= end && open === 0, 10_000_000)

  return {
    results,
    goodput (from, until) {
      const written = results.filter((result) => result.outcome === 'ok' && result.end >= from && result.end < until)
      return written.reduce((sum, { bytes }) => sum + bytes, 0) / (until - from) / bytesPerSecond
    },
    outcomes (from, until) {
      const counts: Record<string, number> = {}
      for (const { start, outcome } of results) if (start >= from && start < until) counts[outcome] = (counts[outcome] ?? 0) + 1
      return counts
    },
    slowest: Math.max(0, ...results.map((result) => result.end - result.start))
  }
}

export interface ReadRunOptions {
  readonly bytesPerSecond: number
  readonly latencyMs?: number
  readonly seconds: number
  /** Each reads a topic of its own from the start, page after page; after a failure it waits for a second. */
  readonly readers: number
  readonly segmentBytes: number
  readonly segments: number
  readonly maxBytes: number
  readonly slow?: { readonly from: number, readonly until: number, readonly share: number }
  readonly create?: typeof createLog
}

export interface ReadRun {
  /** Bytes of messages a second, relative to the link's capacity, on pages answered between two times, in seconds. */
  goodput (from: number, until: number): number
  /** Bytes of messages that each reader got. */
  readonly bytes: readonly number[]
  /** By code; `ok` for a page. */
  readonly outcomes: Readonly<Record<string, number>>
  /** The longest time that a read took, in seconds. */
  readonly slowest: number
}

/** Readers far behind, over a simulated link, in virtual time. Nothing is cached. */
export async function runReads (options: ReadRunOptions): Promise<ReadRun> {
  const { bytesPerSecond, latencyMs = 20, seconds, readers, segmentBytes, segments, maxBytes, slow, create = createLog } = options
  const scheduler = new Scheduler()
  const stores = linkedStores(scheduler, { bytesPerSecond, latencyMs })
  const log = logOf(scheduler, stores, create, undefined)
  const begin = scheduler.now
  const end = begin + seconds * 1_000
  const payload = `"${'x'.repeat(segmentBytes - 2)}"`
  for (let first = 1; first <= segments; first++) {
    const { object } = encodeSegment([{ payload }], { first, timestamp: begin, writer: 'w', compression: 'none', compressOverBytes: 0 })
    for (let r = 0; r < readers; r++) await stores.near.segments.putIfAbsent(`topic-${r}`, first, object, { reservedAtMs: null })
  }
  for (let r = 0; r < readers; r++) await reserve(stores.near.topics, `topic-${r}`, segments, { now: begin })
  const pages: Array<{ end: number, bytes: number }> = []
  const bytes = new Array<number>(readers).fill(0)
  const outcomes: Record<string, number> = {}
  let slowest = 0
  let open = readers

  const reader = async (r: number): Promise<void> => {
    let from = 1
    while (scheduler.now < end) {
      const start = scheduler.now
      const page = await log.read(`topic-${r}`, { from, limit: 20, maxBytes }).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'LogError') throw error
        return (error as LogError).code
      })
      slowest = Math.max(slowest, (scheduler.now - start) / 1_000)
      const outcome = typeof page === 'string' ? page : 'ok'
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      if (typeof page === 'string') {
        await new Promise<void>((resolve) => { scheduler.at(scheduler.now + 1_000, undefined, resolve) })
        continue
      }
      bytes[r]! += page.count * segmentBytes
      pages.push({ end: (scheduler.now - begin) / 1_000, bytes: page.count * segmentBytes })
      from = page.nextOffset >= page.end ? 1 : page.nextOffset
    }
    open--
  }
  for (let r = 0; r < readers; r++) {
    scheduler.at(begin + r, undefined, () => { reader(r).catch((error: unknown) => { scheduler.fail(error) }) })
  }
  if (slow !== undefined) {
    scheduler.at(begin + slow.from * 1_000, undefined, () => { stores.setBandwidth(bytesPerSecond * slow.share) })
    scheduler.at(begin + slow.until * 1_000, undefined, () => { stores.setBandwidth(bytesPerSecond) })
  }
  await scheduler.run(() => open === 0, 10_000_000)
  return {
    goodput: (from, until) =>
      pages.filter((page) => page.end >= from && page.end < until)
        .reduce((sum, page) => sum + page.bytes, 0) / (until - from) / bytesPerSecond,
    bytes,
    outcomes,
    slowest
  }
}

function logOf (
  scheduler: Scheduler, { segments, topics, records }: LinkedStores, create: typeof createLog, limits: Partial<Limits> | undefined
): Log {
  let seed = 1
  // Park and Miller's generator: delays are random, runs can be repeated.
  const random = (): number => (seed = seed * 48_271 % 0x7fff_ffff) / 0x7fff_ffff
  const { clock } = new Process(scheduler, 'server', 0)
  return create({
    segments, topics, records, clock, compression: 'none', random, limits: { ...defaultLimits, segmentCacheBytes: 0, ...limits }
  })
}
