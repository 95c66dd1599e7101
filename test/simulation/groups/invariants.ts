import type { GroupConfig } from '../../../src/domain/groups/config.ts'
import { pendingRuns, type GroupState, type Lease, type Run } from '../../../src/domain/groups/state.ts'
import type { Limits } from '../../../src/domain/limits.ts'
import { Violation } from '../engine/scheduler.ts'

/** Where an offset is. `ahead`: at or above `next`. */
export type Place = 'ahead' | 'settled' | 'retry' | 'lane' | 'dead' | `lease ${number}`

export interface Known {
  readonly config: Pick<GroupConfig, 'mode' | 'maxAttempts' | 'maxInFlight'>
  readonly limits: Limits
  /** `undefined`: there is no message at this offset, as far as anybody knows. */
  readonly bucketAt: (offset: number) => { readonly bucket: number | undefined } | undefined
  /** What a redrive has put back comes after newer ones of its key. */
  readonly redriven: ReadonlySet<number>
}

export function offsetsIn (runs: Iterable<Run>): number[] {
  const offsets: number[] = []
  for (const { first, count } of runs) for (let i = 0; i < count; i++) offsets.push(first + i)
  return offsets
}

export function isLive (state: GroupState, seq: number, tag: string): boolean {
  return state.leases.some((lease) => lease.seq === seq && lease.tag === tag)
}

/** Where each offset below `next` is that is not settled. @throws Violation if one is in two places (groups §12.2) */
export function placesOf (state: GroupState, bucketAt: Known['bucketAt']): Map<number, Place> {
  const places = new Map<number, Place>()
  const put = (offset: number, place: Place): void => {
    const other = places.get(offset)
    if (other !== undefined) throw new Violation(`§12.2: offset ${offset} is in two places: ${other} and ${place}`)
    if (offset >= state.next) throw new Violation(`§2.1: offset ${offset} is ${place}, and next is ${state.next}`)
    places.set(offset, place)
  }
  for (const { seq, runs } of state.leases) for (const offset of offsetsIn(runs)) put(offset, `lease ${seq}`)
  for (const offset of offsetsIn(state.retry)) put(offset, 'retry')
  for (const { bucket, from } of state.lanes) {
    for (let offset = from; offset < state.next; offset++) if (bucketAt(offset)?.bucket === bucket) put(offset, 'lane')
  }
  // A batch may be one from before a seek: then its messages may be somewhere else, too.
  for (const offset of offsetsIn(state.dead.flatMap(({ runs }) => runs))) {
    const other = places.get(offset)
    if (other !== undefined && state.soughtSeq === 0) throw new Violation(`§12.2: offset ${offset} is in two places: ${other} and dead`)
    if (other === undefined && offset < state.next) places.set(offset, 'dead')
  }
  return places
}

/** What must hold of every stored state: groups §12.2, §12.6, §12.8, §12.12. @returns where each offset is @throws Violation */
export function checkState (state: GroupState, known: Known): Map<number, Place> {
  const places = placesOf(state, known.bucketAt)
  if (state.committed > state.next) throw new Violation(`§12.7: committed ${state.committed} is above next ${state.next}`)
  for (const [offset] of places) {
    const beforeSeek = state.soughtSeq > 0 && places.get(offset) === 'dead'
    if (offset < state.committed && !known.redriven.has(offset) && !beforeSeek) {
      throw new Violation(`§12.7: ${offset} is ${places.get(offset)}, and ${state.committed} is committed`)
    }
  }
  checkOrder(state, places, known)
  for (const lease of state.leases) checkLease(lease, known)
  checkBounds(state, known)
  return places
}

function checkOrder (state: GroupState, places: ReadonlyMap<number, Place>, { bucketAt, redriven, config }: Known): void {
  if (config.mode === 'shared') return
  const out = new Map<number, { seq: number, highest: number }>()
  for (const { seq, runs } of state.leases) {
    for (const { bucket, first, count } of runs) {
      if (bucket === undefined) continue
      const other = out.get(bucket)
      if (other !== undefined && other.seq !== seq) throw new Violation(`§12.6: bucket ${bucket} is in the leases ${other.seq} and ${seq}`)
      const last = offsetsIn([{ first, count } as Run]).findLast((offset) => !redriven.has(offset)) ?? 0
      out.set(bucket, { seq, highest: Math.max(other?.highest ?? 0, last) })
    }
  }
  for (const [offset, place] of places) {
    if ((place !== 'retry' && place !== 'lane') || redriven.has(offset)) continue
    const bucket = bucketAt(offset)?.bucket
    if (bucket === undefined) continue
    const highest = out.get(bucket)?.highest ?? 0
    if (highest > offset) throw new Violation(`§12.6: ${offset} is ${place}, and ${highest} of its bucket is out`)
  }
}

function checkLease ({ seq, runs }: Lease, { config: { maxAttempts } }: Known): void {
  const offsets = offsetsIn(runs)
  if (offsets.length === 0) throw new Violation(`lease ${seq} is empty`)
  if (maxAttempts === null) return
  for (const { first, attempt, expired } of runs) {
    if (attempt > maxAttempts) throw new Violation(`§12.8: ${first} is delivered with attempt ${attempt} of ${maxAttempts}`)
    const isAlone = expired && maxAttempts > 1 && attempt === maxAttempts
    if (isAlone && offsets.length > 1) throw new Violation(`§12.8: the last attempt of ${first} is in company: ${offsets.join(' ')}`)
  }
}

function checkBounds (state: GroupState, { config, limits }: Known): void {
  const runs = [...pendingRuns(state)]
  const inFlight = offsetsIn(runs).length
  const most = Math.min(config.maxInFlight, limits.groupInFlightMax)
  const above = (what: string, value: number, bound: number): void => {
    if (value > bound) throw new Violation(`§12.12: ${value} ${what}, of at most ${bound}`)
  }
  above('messages are pending', inFlight, most)
  above('leases', state.leases.length, limits.groupLeasesMax)
  above('lanes', state.lanes.length, limits.groupLanesMax)
  above('runs', runs.length, inFlight)
}
