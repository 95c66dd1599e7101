import type { GroupState } from '../../../src/domain/groups/state.ts'
import type { StoreInstant } from '../../../src/ports/group-store.ts'
import { Violation } from '../engine/scheduler.ts'
import { now, type Ghost, type Small, type Whole } from './exploration.ts'
import { offsetsIn, placesOf } from './invariants.ts'

/** Why a group changes: which offsets may be settled by it, and which lease it may change. */
export interface Cause {
  readonly kind: 'receive' | 'settle' | 'confirm' | 'redrive' | 'seek'
  /** Of the lease that the command is for. */
  readonly seq?: number | undefined
  /** What may become settled by it. */
  readonly settles?: readonly number[]
  /** Whether ends of deliveries count. */
  readonly counted?: boolean
  readonly at?: StoreInstant
}

/** Changes of a group, and what must hold of each (groups §12). */
export class GroupChanges {
  readonly #one: Small

  constructor (one: Small) {
    this.#one = one
  }

  /** The group in another state, stored and read again. @throws Violation if the change is one that must not be */
  change (whole: Whole, to: GroupState, cause: Cause, uncounted: readonly number[] = []): Whole {
    const { machine } = this.#one
    const before = whole.group
    if (to === before) return whole
    const group = machine.decodeState(machine.encodeState(to))
    const changed = { ...whole, group, ghost: this.#ghost(whole, group, cause, uncounted) }
    const places = this.#one.check(changed)
    const earlier = placesOf(before, this.#one.bucketAt)
    this.#checkLeases(before, group, cause)
    if (cause.kind !== 'seek' && group.committed < before.committed) throw new Violation(`§12.7: committed falls to ${group.committed}`)
    for (let offset = 1; offset < this.#one.end; offset++) {
      if (!this.#one.isMessage(offset)) continue
      const wasSettled = offset < before.next && !earlier.has(offset)
      const isSettled = offset < group.next && !places.has(offset)
      if (wasSettled && !isSettled && cause.kind !== 'redrive' && cause.kind !== 'seek') {
        throw new Violation(`§12.3: ${offset} was settled, and is ${places.get(offset) ?? 'ahead'} again`)
      }
      if (!wasSettled && isSettled) this.#checkSettled(changed, offset, cause)
    }
    return changed
  }

  #checkSettled ({ letters, life, earliest, ghost }: Whole, offset: number, { kind, settles }: Cause): void {
    if (kind === 'seek' || (kind === 'receive' && offset < earliest)) return
    if (kind === 'settle' && settles?.includes(offset) === true) return
    // A letter that was deleted is one of a death before.
    const mayBeGone = ghost.died[offset] === ghost.diedBefore[offset]
    const hasLetter = letters.some((letter) => letter.offset === offset && letter.life === life && (letter.gone !== true || mayBeGone))
    if (kind === 'confirm' && hasLetter) return
    throw new Violation(`${kind === 'settle' ? '§12.5' : '§12.1'}: ${offset} is settled by a ${kind}, and nobody has acknowledged it`)
  }

  #checkLeases (before: GroupState, after: GroupState, { kind, seq, at = now }: Cause): void {
    if (after.seq < before.seq) throw new Violation('§2.1: seq falls')
    if (after.deadSeq < before.deadSeq || (kind !== 'confirm' && after.dead.length < before.dead.length)) {
      throw new Violation('§12.9: batches of dead letters are gone')
    }
    if (kind === 'seek') return
    for (const lease of before.leases) {
      const kept = after.leases.find((each) => each.seq === lease.seq)
      if (JSON.stringify(kept) === JSON.stringify(lease) || lease.seq === seq) continue
      if (kind === 'receive' && kept === undefined && lease.expires <= at.low) continue
      throw new Violation(`§12.4: lease ${lease.seq} is changed by a ${kind} of lease ${seq ?? 'none'}`)
    }
  }

  #ghost ({ group: before, ghost }: Whole, after: GroupState, { kind, counted }: Cause, uncounted: readonly number[]): Ghost {
    const count = { ...ghost.counted }
    const died = { ...ghost.died }
    const earlier = new Set(before.leases.map(({ seq }) => seq))
    const kept = new Set(offsetsIn(after.leases.filter(({ seq }) => earlier.has(seq)).flatMap(({ runs }) => runs)))
    if (counted === true) {
      for (const offset of offsetsIn(before.leases.flatMap(({ runs }) => runs))) {
        if (!kept.has(offset) && !uncounted.includes(offset)) count[offset] = (count[offset] ?? 0) + 1
      }
    }
    const more = after.deadSeq - before.deadSeq
    const batches = more > 0 ? after.dead.slice(-more) : []
    for (const offset of offsetsIn(batches.flatMap(({ runs }) => runs))) died[offset] = (died[offset] ?? 0) + 1
    let { redriven, acked } = ghost
    if (kind === 'seek') {
      for (const offset of Object.keys(count).map(Number)) if (offset >= after.next) count[offset] = 0
      acked = acked.filter((offset) => offset < after.next)
    }
    if (kind === 'redrive') {
      const again = offsetsIn(after.retry).filter((offset) => !offsetsIn(before.retry).includes(offset))
      for (const offset of again) count[offset] = 0
      redriven = [...new Set([...redriven, ...again])].sort((a, b) => a - b)
    }
    for (const lease of after.leases) {
      if (earlier.has(lease.seq)) continue
      for (const run of lease.runs) {
        for (const offset of offsetsIn([run])) {
          const expected = (count[offset] ?? 0) + 1
          if (run.attempt !== expected) throw new Violation(`§3.1: ${offset} is delivered as attempt ${run.attempt}, and it is ${expected}`)
        }
      }
    }
    return { ...ghost, acked, redriven, counted: count, died }
  }
}
