import { decodeState } from '../../../src/domain/groups/codec.ts'
import { decodeGroupConfig, type GroupConfig } from '../../../src/domain/groups/config.ts'
import { bucketOf } from '../../../src/domain/groups/lease-id.ts'
import type { GroupState, Lease } from '../../../src/domain/groups/state.ts'
import type { GroupItem } from '../../../src/ports/group-store.ts'
import { Violation } from '../engine/scheduler.ts'
import { nameOf, newLife, type CheckerOptions, type Current, type LifeHistory, type Stored } from './history.ts'
import { checkState, offsetsIn } from './invariants.ts'
import { LetterChecker } from './letter-checker.ts'

/** What the store tells of its time may be off by so much. */
const CLOCKS_APART_MS = 2_000

/** Holds every state of a group that is stored, and every answer, against all others (groups §12). */
export class GroupsChecker {
  readonly messages = new Map<number, Stored>()
  readonly lives = new Map<string, LifeHistory>()
  readonly letters = new LetterChecker(this.lives)
  current: LifeHistory | undefined
  /** Below this, a trim has been asked for. */
  trimmedTo = 1
  /** Requests that may have been applied, by the place they seek to; and how often a group went there. */
  readonly seeks = new Map<number, { asked: number, done: number }>()
  redrives = 0
  deletions = 0
  forcedDeletions = 0
  readonly #options: CheckerOptions
  #tick = 0
  /** By the newest write. */
  readonly #diedNow = new Set<number>()
  /** When each write was sent, by its `by`. */
  readonly #sentAt = new Map<string, number>()

  constructor (options: CheckerOptions) {
    this.#options = options
  }

  tick (): number { return this.#tick++ }

  /** What an answer tells its worker of the end of a lease, just now. */
  checkLeft ({ expiresAt, expiresInMs }: { readonly expiresAt: number, readonly expiresInMs: number }): void {
    const { nowMs, clocksStoodStill } = this.#options
    const left = Math.max(0, expiresAt - nowMs())
    if (expiresInMs > left + 1 && !clocksStoodStill()) {
      throw new Violation(`§5: a lease is said to end in ${expiresInMs} ms, and ends in ${Math.round(left)} ms`)
    }
  }

  /** Messages were stored in the topic. */
  stored (first: number, lines: readonly Stored[]): void {
    for (const [i, line] of lines.entries()) {
      const offset = first + i
      this.messages.set(offset, line)
      const state = this.current?.current?.state
      if (state !== undefined && offset < state.next && offset >= this.trimmedTo && this.current!.passed.has(offset)) {
        throw new Violation(`§12.1: the group went past ${offset}, and now there is a message`)
      }
    }
  }

  /** A write is sent for the first time. */
  sent ({ by }: GroupItem): void {
    if (!this.#sentAt.has(by)) this.#sentAt.set(by, this.#options.nowMs())
  }

  removed (gen: string): void {
    const life = this.lives.get(gen)!
    const { leases, dead } = life.current!.state
    if (this.deletions + this.forcedDeletions === 0) throw new Violation('§10: the group is deleted, and nobody has asked for it')
    if (this.forcedDeletions === 0 && leases.length + dead.length > 0) {
      throw new Violation('§10: the group is deleted while messages are pending')
    }
    life.endedAt = this.tick()
    for (const lease of life.leases.values()) lease.endedAt = Math.min(lease.endedAt, life.endedAt)
    this.current = undefined
  }

  /** A state was stored just now. @throws Violation */
  written (item: GroupItem): void {
    const life = this.#lifeOf(item)
    const state = decodeState(item.state)
    const config = decodeGroupConfig(item.config)
    life.maxInFlight = Math.max(life.maxInFlight, config.maxInFlight)
    life.maxAttempts = config.maxAttempts === null || life.maxAttempts === null ? null : Math.max(life.maxAttempts, config.maxAttempts)
    const before = life.current
    if (before !== undefined) this.#redriven(life, before, state)
    const { limits } = this.#options
    const bucketAt = (offset: number): { bucket: number | undefined } | undefined => this.#bucketAt(offset, item.gen, config)
    const places = checkState(state, {
      config: { mode: config.mode, maxInFlight: life.maxInFlight, maxAttempts: life.maxAttempts }, limits, bucketAt, redriven: life.redriven
    })
    life.current = { item, state, config, places }
    if (before !== undefined) this.#changed(life, before, item)
    else this.#granted(life, [], state.leases, item)
  }

  #lifeOf (item: GroupItem): LifeHistory {
    const { gen, rev } = item
    const known = this.lives.get(gen)
    const before = this.current?.current?.item
    if (known === undefined) {
      if (before !== undefined) throw new Violation('§2.2: a group is made where there is one')
      if (rev !== 1) throw new Violation(`§2.1: a new group has the rev ${rev}`)
      const life = newLife(gen, this.tick())
      this.lives.set(gen, life)
      this.current = life
      return life
    }
    if (before?.gen !== gen || rev !== before.rev + 1) {
      throw new Violation(`§2.2: ${rev} of ${gen} is written over ${before?.rev} of ${before?.gen}`)
    }
    return known
  }

  #bucketAt (offset: number, gen: string, { mode }: GroupConfig): { bucket: number | undefined } | undefined {
    const message = this.messages.get(offset)
    if (message === undefined) return undefined
    if (mode !== 'keyed') return { bucket: mode === 'exclusive' ? 0 : undefined }
    return { bucket: message.key === undefined ? undefined : bucketOf(gen, message.key) }
  }

  #changed (life: LifeHistory, before: Current, item: GroupItem): void {
    const after = life.current!
    const { state: was } = before
    const { state } = after
    const isSeek = this.#isSeek(was, state)
    if (isSeek) this.#sought(life, state)
    else if (state.committed < was.committed) throw new Violation(`§12.7: committed falls from ${was.committed} to ${state.committed}`)
    if (state.seq < was.seq) throw new Violation('§2.1: seq falls')
    this.#died(life, before)
    this.#confirmed(life, before)
    this.#granted(life, was.leases, state.leases, item)
    for (const lease of was.leases) this.#leaseChanged(life, lease, isSeek)
    if (isSeek) return
    for (let offset = Math.min(was.next, ...before.places.keys()); offset < state.next; offset++) this.#moved(life, offset, before)
    for (const offset of after.places.keys()) this.#moved(life, offset, before)
  }

  /** A seek is known by what it leaves. One that changes nothing but this is none. */
  #isSeek (was: GroupState, state: GroupState): boolean {
    if (state.soughtSeq !== was.soughtSeq || state.next < was.next || state.committed < was.committed) return true
    // Forwards, without a lease since the last one.
    const isAsked = [...this.seeks].some(([to, { asked, done }]) => asked > done && to > was.committed && to <= state.committed)
    // To where it is, for what was redriven.
    const stays = [...this.seeks].some(([to, { asked, done }]) => asked > done && to === was.committed && to === state.committed)
    const isEmptied = was.retry.length > 0 && state.retry.length + state.lanes.length + state.leases.length === 0
    return (isAsked || (stays && isEmptied)) && was.seq === was.soughtSeq
  }

  #sought (life: LifeHistory, state: GroupState): void {
    // A receive in the same write moves `next` on, and then `committed` is where the seek went, or above.
    const to = [...this.seeks.keys()].filter((offset) => offset <= state.committed).sort((a, b) => b - a)
      .find((offset) => this.seeks.get(offset)!.asked > this.seeks.get(offset)!.done)
    if (to === undefined) throw new Violation(`§7.1: a seek to ${state.committed} or below is done more often than it was asked for`)
    this.seeks.get(to)!.done++
    for (const offset of life.acked) if (offset >= to) life.acked.delete(offset)
    for (const offset of life.redriven) if (offset >= to) life.redriven.delete(offset)
    life.upheavals.push(this.tick())
  }

  #died (life: LifeHistory, { state: was, config, places }: Current): void {
    const { state, config: { deadLetterProducer, deadLetterTopic } } = life.current!
    const isOther = deadLetterProducer !== config.deadLetterProducer
    const more = isOther ? state.dead.length : state.deadSeq - was.deadSeq
    this.#diedNow.clear()
    for (const { runs } of more > 0 ? state.dead.slice(-more) : []) {
      for (const run of runs) {
        for (const offset of offsetsIn([run])) {
          if (life.acked.has(offset)) throw new Violation(`§12.3: ${offset} was acknowledged, and dies`)
          const place = places.get(offset)
          if (place?.startsWith('lease') !== true) throw new Violation(`§6: ${offset} dies, and was ${place ?? 'settled'}`)
          const lease = was.leases.find(({ seq }) => `lease ${seq}` === place)!
          const rejects = life.leases.get(nameOf(lease))!.rejects
          if (rejects === 0 && run.attempt < Math.min(config.maxAttempts ?? Infinity, life.current!.config.maxAttempts ?? Infinity)) {
            throw new Violation(`§6: ${offset} dies after attempt ${run.attempt} of ${config.maxAttempts}`)
          }
          life.letters.died(deadLetterTopic!, offset)
          this.#diedNow.add(offset)
        }
      }
    }
  }

  #confirmed (life: LifeHistory, { state: was, config }: Current): void {
    const { state, config: { deadLetterProducer } } = life.current!
    const isOther = deadLetterProducer !== config.deadLetterProducer
    const gone = isOther ? was.dead.length : state.deadSeq - state.dead.length - (was.deadSeq - was.dead.length)
    for (const { runs } of was.dead.slice(0, Math.max(0, gone))) {
      for (const offset of offsetsIn(runs)) life.letters.confirmed(config.deadLetterTopic!, offset)
    }
    if (gone < 0) throw new Violation('§12.9: a batch comes back')
  }

  #granted (life: LifeHistory, before: readonly Lease[], after: readonly Lease[], item: GroupItem): void {
    for (const lease of after) {
      const name = nameOf(lease)
      if (before.some((each) => nameOf(each) === name)) continue
      const { seq, expires, runs } = lease
      if (life.leases.has(name)) throw new Violation(`§2.1: lease ${seq} is made again`)
      const sentAt = this.#sentAt.get(item.by) ?? 0
      const { leaseMs, clocksStoodStill } = this.#options
      if (expires < sentAt + leaseMs && !clocksStoodStill()) {
        throw new Violation(`§12.4: lease ${seq} is granted for ${Math.round(expires - sentAt)} ms, of ${leaseMs}`)
      }
      const again = before.find((each) => each.tag === lease.tag && each.expires > this.#options.nowMs() + CLOCKS_APART_MS)
      if (again !== undefined && after.some((each) => each.seq === again.seq)) {
        throw new Violation(`§3.1: a repeated receive gets lease ${seq} beside ${again.seq}`)
      }
      const granted = new Map(runs.flatMap((run) => offsetsIn([run]).map((offset) => [offset, run.attempt] as const)))
      for (const offset of granted.keys()) {
        if (life.acked.has(offset)) throw new Violation(`§12.3: ${offset} was acknowledged, and is handed out again`)
      }
      const nothingAsked = { acks: new Map(), nacks: 0, rejects: 0, extends: 0, acked: new Set<number>() }
      life.leases.set(name, { seq, granted, grantedAt: this.tick(), endedAt: Infinity, ...nothingAsked })
    }
  }

  #leaseChanged (life: LifeHistory, lease: Lease, isSeek: boolean): void {
    const { nowMs, clocksStoodStill } = this.#options
    const history = life.leases.get(nameOf(lease))!
    const kept = life.current!.state.leases.find((each) => nameOf(each) === nameOf(lease))
    if (kept !== undefined) {
      if (isSeek) throw new Violation(`§10: lease ${lease.seq} outlives a seek`)
      if (kept.expires !== lease.expires && history.extends === 0) throw new Violation(`§12.4: nobody has extended lease ${lease.seq}`)
      return
    }
    history.endedAt = this.tick()
    if (isSeek || lease.expires <= nowMs() || clocksStoodStill()) return
    if (history.nacks + history.acks.size === 0) {
      throw new Violation(`§12.4: lease ${lease.seq} ends ${Math.round(lease.expires - nowMs())} ms too early`)
    }
  }

  /** What happened to one offset, if no seek did. */
  #moved (life: LifeHistory, offset: number, { state: was, places }: Current): void {
    const { state, places: now } = life.current!
    const place = places.get(offset)
    // A batch from before a seek does not keep a message from being settled.
    const isOldDeath = now.get(offset) === 'dead' && place !== 'dead' && !this.#diedNow.has(offset)
    const to = isOldDeath ? undefined : now.get(offset)
    const isSettled = to === undefined && offset < state.next
    if (place === to || offset >= state.next) return
    const isTrimmed = offset < this.trimmedTo
    if (place?.startsWith('lease') === true) {
      const lease = was.leases.find(({ seq }) => `lease ${seq}` === place)!
      const history = life.leases.get(nameOf(lease))!
      const { nowMs, clocksStoodStill } = this.#options
      const mayEnd = history.nacks > 0 || lease.expires <= nowMs() || clocksStoodStill()
      // Its worker may have got the lease without it, and acknowledges all of it.
      const isGone = isTrimmed && (mayEnd || history.acks.size > 0)
      const isAcked = (history.acks.get(offset) ?? 0) > 0
      if (isSettled && !isAcked && !isGone) {
        throw new Violation(`§12.5: ${offset} of lease ${lease.seq} is settled by nobody`)
      }
      if (isSettled && (isAcked || history.acks.size > 0)) {
        life.acked.add(offset)
        history.acked.add(offset)
        return
      }
      if (!mayEnd) throw new Violation(`§12.4: ${offset} leaves lease ${lease.seq}, which is live`)
      return
    }
    if (place === undefined && offset < was.next) {
      if (!life.redriven.has(offset)) throw new Violation(`§12.3: ${offset} was settled, and is ${to} again`)
    } else if (place === undefined && isSettled) {
      if (this.messages.has(offset) && !isTrimmed) throw new Violation(`§12.1: ${offset} is passed, and there is a message`)
      life.passed.add(offset)
    } else if (place === 'dead' && !isSettled && state.soughtSeq === 0) throw new Violation(`§12.2: ${offset} is dead, and becomes ${to}`)
    else if ((place === 'retry' || place === 'lane') && isSettled && !isTrimmed) {
      throw new Violation(`§12.1: ${offset} was ${place}, and is settled by nobody`)
    }
  }

  /** What was settled, is not beside a seek, and is to be handed out again. */
  #redriven (life: LifeHistory, { state: was, places }: Current, state: GroupState): void {
    if (this.#isSeek(was, state)) return
    const pending = [...state.leases.filter(({ seq }) => seq > was.seq).flatMap(({ runs }) => runs), ...state.retry]
    for (const offset of offsetsIn(pending)) {
      if (offset >= was.next || places.has(offset)) continue
      const isLetter = this.redrives > 0 && life.letters.has(offset)
      if (!isLetter) throw new Violation(`§12.3: ${offset} was settled, and is pending again`)
      life.redriven.add(offset)
      life.acked.delete(offset)
      life.upheavals.push(this.tick())
    }
  }
}
