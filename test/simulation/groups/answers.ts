import type { LogError } from '../../../src/domain/errors.ts'
import type { AckAnswer, LeaseId, Nacked, ReceiveAnswer } from '../../../src/domain/groups/groups.ts'
import { decodeLeaseId } from '../../../src/domain/groups/lease-id.ts'
import { Violation } from '../engine/scheduler.ts'
import type { GroupsChecker } from './checker.ts'
import { nameOf, type LeaseHistory, type LifeHistory } from './history.ts'

/** A lease as its worker got it. */
export interface HeldLease { readonly id: LeaseId, readonly offsets: readonly number[] }

/** A request that settles: what it may do as long as it may be applied. */
export interface Asked { readonly startedAt: number, readonly id: LeaseId, readonly offsets: readonly number[] }

/** Holds the answers that workers get against what was stored (groups §12.4, §12.5, §12.10). */
export class Answers {
  readonly #checker: GroupsChecker

  constructor (checker: GroupsChecker) {
    this.#checker = checker
  }

  received ({ lines, lease, committedOffset, lag }: ReceiveAnswer): HeldLease | undefined {
    if (lag < 0 || committedOffset < 1) throw new Violation(`a receive answers with the lag ${lag}, and committed ${committedOffset}`)
    if (lease === undefined) {
      if (lines.length > 0) throw new Violation('a receive answers with messages, and without a lease')
      return undefined
    }
    const id = decodeLeaseId(lease.id)!
    const history = this.#history(id)
    if (history === undefined) throw new Violation(`§3.1: lease ${id.seq} is answered, and not stored`)
    this.#checker.checkLeft(lease)
    const offsets: number[] = []
    for (const line of lines) {
      const { offset, payload } = JSON.parse(Buffer.from(line).toString()) as { offset: number, payload: string }
      const stored = this.#checker.messages.get(offset)
      if (payload !== stored?.payload) throw new Violation(`${offset} is delivered as ${payload}, and ${stored?.payload} is stored`)
      const attempt = history.granted.get(offset)
      if (attempt === undefined) throw new Violation(`§3.1: ${offset} is delivered with lease ${id.seq}, which does not have it`)
      const said = lease.redelivered.find(({ first, last }) => offset >= first && offset <= last)?.attempt ?? 1
      if (said !== attempt) throw new Violation(`${offset} is delivered as attempt ${said}, and it is ${attempt}`)
      if (offsets.length > 0 && offset <= offsets.at(-1)!) throw new Violation('messages are out of order')
      offsets.push(offset)
    }
    return { id, offsets }
  }

  /** A request for messages of a lease is sent. It may do what it is for until it is known to have failed. */
  ask (kind: 'ack' | 'nack' | 'extend', id: LeaseId, offsets: readonly number[], rejects = false): Asked {
    const history = this.#history(id)!
    if (kind === 'ack') for (const offset of offsets) history.acks.set(offset, (history.acks.get(offset) ?? 0) + 1)
    if (kind === 'nack') history.nacks++
    if (kind === 'nack' && rejects) history.rejects++
    if (kind === 'extend') history.extends++
    return { startedAt: this.#checker.tick(), id, offsets }
  }

  acked ({ startedAt, id, offsets }: Asked, { acked, already }: Pick<AckAnswer, 'acked' | 'already'>): void {
    const life = this.#life(id)!
    const history = this.#history(id)!
    const state = life.current!.state
    // Then what was settled is not.
    if (life.upheavals.some((at) => at >= startedAt) || life.endedAt < Infinity) return
    if (acked > 0 && history.acked.size < acked) throw new Violation(`§12.10: ${acked} messages of lease ${id.seq} are called acked`)
    if (!already && acked < offsets.length) return
    for (const offset of offsets) {
      const place = life.current!.places.get(offset)
      // A batch from before a seek does not keep a message from being settled.
      const isOldDeath = place === 'dead' && state.soughtSeq > 0
      if (place !== undefined && !isOldDeath && offset >= this.#checker.trimmedTo) {
        throw new Violation(`§12.10: ${offset} is called ${already ? 'settled' : 'acked'}, and is ${place}`)
      }
      if (offset >= state.next) throw new Violation(`§12.10: ${offset} is called settled, and is not below next`)
    }
  }

  nacked ({ id }: Asked, { nacked, dead }: Nacked): void {
    const history = this.#history(id)!
    if (nacked > history.granted.size || dead > nacked) {
      throw new Violation(`${nacked} messages of lease ${id.seq} are called nacked, ${dead} dead`)
    }
  }

  /** A request for messages of a lease has failed. */
  failed (kind: 'ack' | 'nack' | 'extend', { startedAt, id, offsets }: Asked, { code, details }: LogError): void {
    const history = this.#history(id)!
    const life = this.#life(id)!
    if (code === 'lease_lost' && history.grantedAt <= startedAt && history.endedAt === Infinity) {
      throw new Violation(`§12.10: lease ${id.seq} is called lost, and it is live`)
    }
    if (code === 'group_not_found' && life.madeAt <= startedAt && life.endedAt === Infinity) {
      throw new Violation('§12.10: the group is called missing, and it is there')
    }
    // It may be applied still, or was, but lease_lost is said of what was not applied by this copy.
    if (details.applied === 'unknown' || kind !== 'ack') return
    for (const offset of offsets) {
      const left = history.acks.get(offset)! - 1
      history.acks.set(offset, left)
      // An ack whose outcome was not known is judged anew, and may hear of what others have done since.
      const isAnew = code === 'lease_lost' || code === 'group_not_found'
      if (left === 0 && history.acked.has(offset) && !isAnew) {
        throw new Violation(`§12.10: an ack of ${offset} has failed with ${code}, and is applied`)
      }
    }
  }

  #life ({ life }: LeaseId): LifeHistory | undefined {
    return [...this.#checker.lives.values()].find((each) => each.life === life)
  }

  #history (id: LeaseId): LeaseHistory | undefined {
    return this.#life(id)?.leases.get(nameOf(id))
  }
}
