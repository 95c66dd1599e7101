import type { StoreInstant } from '../../ports/group-store.ts'
import type { Bytes, Ms, Offset } from '../../ports/units.ts'
import type { Limits } from '../limits.ts'
import type { GroupConfig } from './config.ts'
import type { LoadedLog } from './loaded-log.ts'
import { joinRuns } from './runs.ts'
import { endExpired } from './settle.ts'
import {
  countDead, countOf, pendingRuns, roomBeside, withCommitted, type GroupState, type Lane, type Lease, type RetryRun, type Run
} from './state.ts'

/** A receive as its caller asks for it. */
export interface ReceiveRequest {
  /** Derived from the caller's key: a live lease with this tag is the answer (groups §3.1, 2). */
  readonly tag: string
  readonly limit: number
  readonly maxBytes: Bytes
  readonly leaseMs: Ms
  readonly consumer?: string | undefined
}

/** What a receive that got nothing waits for (groups §8). */
export type WaitingFor = 'messages' | 'writer' | 'delay' | 'leases' | 'acks' | 'dead_letters'

export type Received =
  /** An earlier copy of the request got this lease. */
  | { readonly kind: 'repeated', readonly lease: Lease }
  /** These parts of the log must be read. */
  | { readonly kind: 'load', readonly parts: readonly LogPart[] }
  | { readonly kind: 'leased', readonly state: GroupState, readonly lease: Lease }
  /** No message, but something that must be written; the next receive goes on from there. */
  | { readonly kind: 'progress', readonly state: GroupState }
  | Nothing

/** From `from` on, at most up to below `end`. */
export interface LogPart { readonly from: Offset, readonly end: Offset }

export interface Nothing {
  readonly kind: 'nothing'
  readonly waitingFor: WaitingFor
  /** The store's time at which a message can be handed out, or a lease be ended. */
  readonly dueAt: Ms | undefined
  /** Where it is not known yet whether there will be a message; `undefined` if a new one could not be handed out. */
  readonly openAt: Offset | undefined
  /** A segment that could not be loaded. */
  readonly failure?: Error | undefined
}

/** The bucket of a message (groups §4). */
export type BucketOf = (line: Uint8Array) => number | undefined

export interface ReceiveDeps {
  readonly config: GroupConfig
  readonly limits: Limits
  readonly bucketOf: BucketOf
}

/** Selects messages for a worker, and leases them (groups §3.1). A pure function of all that it gets. */
export function receive (before: GroupState, request: ReceiveRequest, log: LoadedLog, now: StoreInstant, deps: ReceiveDeps): Received {
  const repeated = before.leases.find(({ tag, expires }) => tag === request.tag && expires > now.low)
  if (repeated !== undefined) return { kind: 'repeated', lease: repeated }
  const state = endExpired(before, deps.config, now)
  const selection = new Selection(state, request, log, now, deps)
  return selection.select(before)
}

/** A step of the selection needs more of the log. Always the same one, because making an error costs as much as a selection. */
const loadNeeded = new Error('more of the log is needed')

/** What is selected from the three sources, in the order of the steps of groups §3.1, 4. */
class Selection {
  readonly #state: GroupState
  readonly #request: ReceiveRequest
  readonly #log: LoadedLog
  readonly #now: StoreInstant
  readonly #config: GroupConfig
  readonly #limits: Limits
  readonly #bucketOf: BucketOf
  /** Buckets of which nothing may be taken any more: out on a live lease, or with a message that was left behind. */
  readonly #busy = new Set<number>()
  readonly #taken: Run[] = []
  #bytes = 0
  /** Nothing fits any more, or the message taken must stay alone. */
  #full = false
  /** How many more messages may be pending. */
  readonly #room: number
  /** Messages taken that were not pending before. */
  #fresh = 0
  /** Messages and bytes that were looked at, and not taken. */
  #scanned = 0
  #scannedBytes = 0
  /** What keeps messages back that are there. */
  #missing: WaitingFor | undefined
  #dueAt: Ms | undefined
  #openAt: Offset | undefined
  #failure: Error | undefined
  /** What must be read before anything can be selected. */
  #unread: readonly LogPart[] = []

  constructor (state: GroupState, request: ReceiveRequest, log: LoadedLog, now: StoreInstant, { config, limits, bucketOf }: ReceiveDeps) {
    this.#state = state
    this.#request = request
    this.#log = log
    this.#now = now
    this.#config = config
    this.#limits = limits
    this.#bucketOf = bucketOf
    for (const { runs } of state.leases) for (const { bucket } of runs) if (bucket !== undefined) this.#busy.add(bucket)
    this.#room = roomIn(state, config, limits)
  }

  select (before: GroupState): Received {
    try {
      return this.#select(before)
    } catch (need) {
      if (need === loadNeeded) return { kind: 'load', parts: this.#unread }
      throw need
    }
  }

  #select (before: GroupState): Received {
    const state = this.#state
    if (state.leases.length >= this.#limits.groupLeasesMax) {
      this.#missing = 'acks'
      return this.#nothing(before, state)
    }
    const retry = this.#fromRetry()
    const lanes = this.#fromLanes()
    const fresh = this.#fromNext(lanes)
    const selected = { ...state, retry, ...fresh }
    if (this.#taken.length === 0) return this.#nothing(before, withCommitted(selected))
    const { tag, leaseMs, consumer } = this.#request
    const lease = { seq: state.seq + 1, tag, expires: this.#now.high + leaseMs, consumer, runs: joinRuns(this.#taken) }
    return { kind: 'leased', state: withCommitted({ ...selected, seq: lease.seq, leases: [...state.leases, lease] }), lease }
  }

  /** Messages that were handed out before. @returns those that stay */
  #fromRetry (): RetryRun[] {
    this.#loadRetry()
    const stay: RetryRun[] = []
    for (const run of this.#state.retry) {
      const end = run.first + run.count
      let from = run.first
      while (from < end && this.#mayTakeAgain(run)) {
        const at = this.#at(from, end)
        if (at.kind === 'none') from = Math.min(at.until, end)
        else if (at.kind === 'message' && this.#fits(at.line)) this.#take(from++, at.line, { ...run, attempt: run.attempt + 1 })
        else break
        if (this.#isAlone(run)) this.#full ||= this.#taken.length > 0
      }
      if (from === end) continue
      stay.push({ ...run, first: from, count: end - from })
      if (run.bucket !== undefined) this.#busy.add(run.bucket)
    }
    return joinRuns(stay)
  }

  /** Messages to be handed out again can be far apart, so their pages are read together. */
  #loadRetry (): void {
    const { limit } = this.#request
    const due = this.#state.retry.filter(({ bucket, notBefore }) => (
      notBefore <= this.#now.low && (bucket === undefined || !this.#busy.has(bucket))))
    const parts: LogPart[] = []
    let count = 0
    for (const run of due) {
      if (count >= limit) break
      count += run.count
      if (this.#log.at(run.first) === undefined) parts.push({ from: run.first, end: run.first + run.count })
    }
    if (parts.length > 0) this.#load(parts)
  }

  #mayTakeAgain (run: RetryRun): boolean {
    if (this.#full) return false
    if (run.bucket !== undefined && this.#busy.has(run.bucket)) {
      this.#missing ??= 'leases'
      return false
    }
    if (run.notBefore > this.#now.low) {
      this.#missing ??= 'delay'
      this.#dueAt = Math.min(this.#dueAt ?? Infinity, run.notBefore)
      return false
    }
    return this.#taken.length === 0 || !this.#isAlone(run)
  }

  /**
   * The last attempt of a message whose lease has ever ended by expiry may be what kills its workers. Nothing else shall die of
   * it, so it is delivered alone.
   */
  #isAlone ({ attempt, expired }: Run): boolean {
    const { maxAttempts } = this.#config
    return expired && maxAttempts !== null && maxAttempts > 1 && attempt + 1 >= maxAttempts
  }

  /** Messages that were passed over when their key was out. @returns the lanes that stay */
  #fromLanes (): Lane[] {
    const { next, lanes } = this.#state
    const stay: Lane[] = []
    for (const lane of [...lanes].sort((a, b) => a.from - b.from)) {
      const from = this.#busy.has(lane.bucket) ? lane.from : this.#scanLane(lane, next)
      if (from >= next) continue
      stay.push({ bucket: lane.bucket, from })
      if (this.#busy.has(lane.bucket)) this.#missing ??= 'leases'
      this.#busy.add(lane.bucket)
    }
    return stay
  }

  /** @returns where the scan stopped */
  #scanLane ({ bucket, from }: Lane, next: Offset): Offset {
    let offset = from
    while (offset < next && !this.#full && !this.#scannedAll && this.#hasRoom()) {
      const at = this.#at(offset, next)
      if (at.kind === 'none') {
        offset = Math.min(at.until, next)
        continue
      }
      if (at.kind !== 'message') break
      if (this.#bucketOf(at.line) === bucket) {
        if (!this.#fits(at.line)) break
        this.#takeFresh(offset, at.line, bucket)
      } else this.#pass(at.line)
      offset++
    }
    return offset
  }

  /** Messages that were never handed out. @param lanes those that stay, all of them of busy buckets */
  #fromNext (lanes: readonly Lane[]): Pick<GroupState, 'next' | 'lanes'> {
    const { next: before } = this.#state
    const exclusive = this.#config.mode === 'exclusive'
    if (exclusive && this.#busy.size > 0) {
      this.#missing ??= 'leases'
      return { next: before, lanes }
    }
    const begun: Lane[] = []
    const known = new Set(lanes.map(({ bucket }) => bucket))
    let offset = before
    /** Behind what was taken, and behind offsets without a message, up to the first message that was passed over. */
    let next = before
    while (!this.#full && !this.#scannedAll && this.#hasRoom()) {
      const at = this.#at(offset, Infinity)
      if (at.kind === 'none') {
        if (next === offset) next = at.until
        offset = at.until
        continue
      }
      if (at.kind !== 'message') break
      const bucket = this.#bucketOf(at.line)
      if (bucket === undefined || !this.#busy.has(bucket)) {
        if (!this.#fits(at.line)) break
        this.#takeFresh(offset++, at.line, bucket)
        next = offset
        continue
      }
      this.#missing ??= 'leases'
      if (!known.has(bucket) && lanes.length + begun.length >= this.#limits.groupLanesMax) break
      if (!known.has(bucket)) begun.push({ bucket, from: offset })
      known.add(bucket)
      this.#pass(at.line)
      offset++
    }
    if (this.#scannedAll) next = offset
    return { next, lanes: [...lanes, ...begun.filter(({ from }) => from < next)] }
  }

  #load (parts: readonly LogPart[]): never {
    this.#unread = parts
    throw loadNeeded
  }

  #at (offset: Offset, end: Offset) {
    const at = this.#log.at(offset)
    if (at === undefined) this.#load([{ from: offset, end }])
    if (at.kind === 'failed') this.#failure ??= at.error
    if (at.kind === 'open') {
      this.#openAt = offset
      if (!at.end) this.#missing ??= 'writer'
    }
    return at
  }

  #fits (line: Uint8Array): boolean {
    const { limit, maxBytes } = this.#request
    const count = this.#taken.length
    const fits = count < limit && (count === 0 || this.#bytes + line.length + 1 <= maxBytes)
    if (!fits) this.#full = true
    return fits
  }

  #take (offset: Offset, line: Uint8Array, { attempt, expired, bucket }: Omit<Run, 'first' | 'count'>): void {
    this.#taken.push({ first: offset, count: 1, attempt, expired, bucket })
    this.#bytes += line.length + 1
    this.#full = this.#taken.length >= this.#request.limit
  }

  #takeFresh (offset: Offset, line: Uint8Array, bucket: number | undefined): void {
    this.#take(offset, line, { attempt: 1, expired: false, bucket })
    this.#fresh++
  }

  #pass (line: Uint8Array): void {
    this.#scanned++
    this.#scannedBytes += line.length + 1
  }

  get #scannedAll (): boolean {
    return this.#scanned >= this.#limits.groupScanMessages || this.#scannedBytes >= this.#limits.groupScanBytes
  }

  /** Whether one more message may be pending that was not before. */
  #hasRoom (): boolean {
    if (this.#fresh < this.#room) return true
    this.#missing ??= countDead(this.#state) * 2 > countOf(pendingRuns(this.#state)) ? 'dead_letters' : 'acks'
    return false
  }

  #nothing (before: GroupState, state: GroupState): Received {
    if (hasChanged(before, state)) return { kind: 'progress', state }
    const expires = state.leases.map((lease) => lease.expires)
    const dueAt = Math.min(this.#dueAt ?? Infinity, ...expires)
    return {
      kind: 'nothing',
      waitingFor: this.#missing ?? 'messages',
      dueAt: dueAt === Infinity ? undefined : dueAt,
      openAt: this.#openAt,
      failure: this.#failure
    }
  }
}

/** How many messages may be handed out that are not pending yet (groups §2.3). */
function roomIn (state: GroupState, config: GroupConfig, limits: Limits): number {
  const pending = pendingRuns(state)
  return pending.length >= limits.groupRunsSoft ? 0 : roomBeside(pending, config, limits)
}

function hasChanged (before: GroupState, after: GroupState): boolean {
  if (before.next !== after.next || before.leases !== after.leases || before.retry.length !== after.retry.length) return true
  if (countOf(before.retry) !== countOf(after.retry) || before.lanes.length !== after.lanes.length) return true
  return after.lanes.some(({ bucket, from }) => before.lanes.find((lane) => lane.bucket === bucket)?.from !== from)
}
