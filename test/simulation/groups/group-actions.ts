import { pendingRuns } from '../../../src/domain/groups/state.ts'
import type { StoreInstant } from '../../../src/ports/group-store.ts'
import { Violation } from '../engine/scheduler.ts'
import {
  leaseMs, nothingHappened, now, type Held, type NackKind, type Small, type Step, type Whole, type Worker
} from './exploration.ts'
import { GroupChanges } from './group-changes.ts'
import { isLive, offsetsIn, placesOf } from './invariants.ts'
import { LetterActions } from './letter-actions.ts'

/** Everything that can happen in a state of a small case. */
export class GroupActions {
  readonly #one: Small
  readonly #changes: GroupChanges
  readonly #letters: LetterActions

  constructor (one: Small) {
    this.#one = one
    this.#changes = new GroupChanges(one)
    this.#letters = new LetterActions(one, this.#changes)
  }

  steps (whole: Whole): Step[] {
    const steps: Step[] = []
    for (const w of whole.workers.keys()) steps.push(...this.#ofWorker(whole, w))
    steps.push(...this.#ofWire(whole), ...this.#ofTime(whole), ...this.#letters.steps(whole), ...this.#ofOperator(whole))
    return steps
  }

  #ofWorker (whole: Whole, w: number): Step[] {
    const { left } = whole
    const { asks, held } = whole.workers[w]!
    const steps: Step[] = []
    if (asks !== undefined) {
      const { group, worker } = this.#received(whole, asks)
      steps.push({ what: `worker ${w} repeats its receive`, next: this.#worker(group, w, worker) })
      steps.push({ what: `worker ${w} gives up its receive`, next: this.#worker(whole, w, {}) })
    } else if (held === undefined && left.receives > 0) {
      const tag = String(left.receives).padStart(16, '0')
      const asked = this.#left(whole, { receives: left.receives - 1 })
      const { group, worker } = this.#received(asked, tag)
      const what = `worker ${w} receives ${worker.held?.offsets.join(' ') ?? 'nothing'}`
      if (worker.held !== undefined) steps.push({ what, next: this.#worker(group, w, worker) })
      else if (group.group !== whole.group) steps.push({ what, next: { ...group, left } })
      if (left.lost > 0 && worker.held !== undefined) {
        const lost = this.#left(group, { lost: left.lost - 1 })
        steps.push({ what: `${what}, ANSWER LOST`, next: this.#worker(lost, w, { asks: tag }) })
      }
      if (left.copies > 0 && worker.held !== undefined) {
        const wire = [...whole.wire, { kind: 'receive' as const, tag }]
        const copied = { ...this.#left(group, { copies: left.copies - 1 }), wire }
        steps.push({ what: `${what}, a copy stays behind`, next: this.#worker(copied, w, worker) })
      }
    }
    if (held !== undefined) steps.push(...this.#ofHolder(whole, w, held))
    return steps
  }

  #ofHolder (whole: Whole, w: number, held: Held): Step[] {
    const { small } = this.#one
    const { left } = whole
    const steps: Step[] = [{ what: `worker ${w} forgets its lease`, next: this.#worker(whole, w, {}) }]
    const parts = small.parts === true && held.offsets.length > 1 ? [undefined, [held.offsets[0]!]] : [undefined]
    for (const offsets of parts) {
      const rest = offsets === undefined ? [] : held.offsets.filter((offset) => !offsets.includes(offset))
      const what = `${(offsets ?? held.offsets).join(' ')} of ${held.id.slice(-6)}`
      const { group, lost } = this.#acked(whole, held, offsets)
      const worker = lost || rest.length === 0 ? {} : { held: { ...held, offsets: rest } }
      steps.push({ what: `worker ${w} acks ${what}${lost ? ': lost' : ''}`, next: this.#worker(group, w, worker) })
      if (left.lost > 0 && !lost) {
        steps.push({ what: `worker ${w} acks ${what}, ANSWER LOST`, next: this.#left(group, { lost: left.lost - 1 }) })
      }
      if (left.copies > 0 && offsets === undefined && !lost) {
        const copied = { ...this.#left(group, { copies: left.copies - 1 }), wire: [...whole.wire, { kind: 'ack' as const, held }] }
        steps.push({ what: `worker ${w} acks ${what}, a copy stays behind`, next: this.#worker(copied, w, worker) })
      }
      if (left.nacks === 0) continue
      for (const kind of small.nackKinds ?? []) {
        const nacked = this.#nacked(this.#left(whole, { nacks: left.nacks - 1 }), held, offsets, kind)
        const kept = rest.filter((offset) => !nacked.returned.includes(offset))
        const after = nacked.lost || kept.length === 0 ? {} : { held: { ...held, offsets: kept } }
        steps.push({ what: `worker ${w} nacks ${what} ${JSON.stringify(kind)}`, next: this.#worker(nacked.group, w, after) })
      }
    }
    return steps
  }

  #ofWire (whole: Whole): Step[] {
    return whole.wire.map((copy, i) => {
      const arrived = { ...whole, wire: whole.wire.filter((_, j) => j !== i) }
      return copy.kind === 'receive'
        ? { what: 'a late copy of a receive', next: this.#received(arrived, copy.tag).group }
        : { what: `a late copy of an ack of ${copy.held.offsets.join(' ')}`, next: this.#acked(arrived, copy.held, undefined).group }
    })
  }

  #ofTime (whole: Whole): Step[] {
    const { group, left } = whole
    const steps: Step[] = []
    const { topic } = this.#one.small
    if (!whole.lateReadable && topic.includes('late')) {
      steps.push({ what: 'the late message is readable', next: { ...whole, lateReadable: true } })
    }
    if (whole.failing > 0) steps.push({ what: `${whole.failing} can be loaded again`, next: { ...whole, failing: 0 } })
    for (let offset = 1; left.failures > 0 && offset < this.#one.end; offset++) {
      const failed = { ...this.#left(whole, { failures: left.failures - 1 }), failing: offset }
      if (this.#one.isMessage(offset)) steps.push({ what: `${offset} can't be loaded`, next: failed })
    }
    if (left.timeouts === 0) return steps
    const later = this.#left(whole, { timeouts: left.timeouts - 1 })
    for (const lease of group.leases) {
      if (lease.expires <= now.low) continue
      const leases = group.leases.map((each) => each === lease ? { ...each, expires: 1 } : each)
      steps.push({ what: `the time of lease ${lease.seq} is over`, next: { ...later, group: { ...group, leases } } })
    }
    for (const run of group.retry) {
      if (run.notBefore <= now.low) continue
      const retry = group.retry.map((each) => each === run ? { ...each, notBefore: 1 } : each)
      steps.push({ what: `the delay of ${run.first} is over`, next: { ...later, group: { ...group, retry } } })
    }
    return steps
  }

  #ofOperator (whole: Whole): Step[] {
    const { left, group } = whole
    const { machine, limits, config, end } = this.#one
    const steps: Step[] = []
    for (const [i, to] of left.seeks.entries()) {
      const used = this.#left(whole, { seeks: left.seeks.filter((_, j) => j !== i) })
      const topic = { earliest: whole.earliest, end }
      const outcome = machine.seekCommand({ to, topic, make: () => config }).apply({ gen: '', life: '', rev: 1, config, state: group, now })
      steps.push({ what: `a seek to ${to}`, next: this.#changes.change(used, outcome.state ?? group, { kind: 'seek' }) })
    }
    for (const [i, to] of left.trims.entries()) {
      const used = this.#left(whole, { trims: left.trims.filter((_, j) => j !== i) })
      steps.push({ what: `a trim to ${to}`, next: { ...used, earliest: Math.max(to, whole.earliest) } })
    }
    if (left.remakes > 0) {
      const used = this.#left(whole, { remakes: left.remakes - 1 })
      const remade = { ...used, life: whole.life + 1, letterSeq: 0, group: machine.newGroup(1), ghost: nothingHappened }
      steps.push({ what: 'the group is deleted and made again', next: remade })
    }
    if (left.redrives > 0 && whole.letters.length > 0) {
      const letters = whole.letters.flatMap(({ offset, life, gone }, i) => life === whole.life && gone !== true && i + 1 >= group.redriven
        ? [{ offset, key: undefined, at: i + 1, bucket: this.#one.bucketAt(offset)?.bucket }]
        : [])
      const read = { letters, next: whole.letters.length + 1 }
      const room = machine.roomBeside(pendingRuns(group), config, limits)
      const { state } = machine.redrive(group, read, { earliest: whole.earliest, room })
      const used = this.#left(whole, { redrives: left.redrives - 1 })
      steps.push({ what: 'a redrive', next: this.#changes.change(used, state, { kind: 'redrive' }) })
    }
    return steps
  }

  #received (whole: Whole, tag: string, at: StoreInstant = now, limit = this.#one.small.limit): { group: Whole, worker: Worker } {
    const { machine, limits, config, bucketOf } = this.#one
    const request = { tag, limit, maxBytes: 1_000_000, leaseMs }
    const received = machine.receive(whole.group, request, this.#one.log(whole), at, { config, limits, bucketOf })
    if (received.kind === 'load') throw new Violation('a receive asks for what it has')
    if (received.kind === 'nothing') return { group: whole, worker: {} }
    const state = received.kind === 'repeated' ? whole.group : received.state
    const group = received.kind === 'repeated' ? whole : this.#changes.change(whole, state, { kind: 'receive', counted: true, at })
    if (received.kind === 'progress') return { group, worker: {} }
    const { lease } = received
    return { group, worker: { held: { id: machine.encodeLeaseId(this.#life(whole), lease), offsets: offsetsIn(lease.runs) } } }
  }

  #life ({ life }: Whole): string {
    return this.#one.machine.lifeOf(String(life).padStart(32, '0'))
  }

  #acked (whole: Whole, { id, offsets: contained }: Held, offsets: readonly number[] | undefined): { group: Whole, lost: boolean } {
    const { machine } = this.#one
    const part = { id: machine.decodeLeaseId(id)!, offsets }
    try {
      const { state, answer } = machine.ack(whole.group, this.#life(whole), part)
      // What an id of another life contained, it did not contain in this one.
      const settles = part.id.life === this.#life(whole) ? contained : []
      const group = this.#changes.change(whole, state, { kind: 'settle', seq: part.id.seq, settles })
      const acked = [...new Set([...group.ghost.acked, ...answer.acked > 0 ? offsets ?? contained : []])].sort((a, b) => a - b)
      if (!answer.already) return { group: { ...group, ghost: { ...group.ghost, acked } }, lost: false }
      const places = placesOf(group.group, this.#one.bucketAt)
      for (const offset of offsets ?? contained) {
        if (places.has(offset) || offset >= state.next) throw new Violation(`§12.10: "already" is said of ${offset}, which is not settled`)
      }
      return { group, lost: false }
    } catch (error) {
      return this.#lost(whole, part.id, error)
    }
  }

  #lost (whole: Whole, { life, seq, tag }: { readonly life: string, readonly seq: number, readonly tag: string }, error: unknown) {
    if (error instanceof Violation || (error as { code?: string }).code !== 'lease_lost') throw error
    if (life === this.#life(whole) && isLive(whole.group, seq, tag)) throw new Violation(`§12.10: lease ${seq} is live, and called lost`)
    return { group: whole, lost: true, returned: [] as readonly number[] }
  }

  #nacked (whole: Whole, { id }: Held, offsets: readonly number[] | undefined, kind: NackKind) {
    const { machine, config, limits } = this.#one
    const part = { id: machine.decodeLeaseId(id)!, offsets }
    const { delayed, counted, reject = false } = kind
    try {
      const options = { delayMs: delayed ? 1_000 : 0, counted, reject }
      const { state, answer } = machine.nack(whole.group, config, this.#life(whole), part, options, now, limits)
      const uncounted = counted ? answer.returned : offsetsIn(whole.group.leases.flatMap(({ runs }) => runs))
      const group = this.#changes.change(whole, state, { kind: 'settle', seq: part.id.seq, counted }, uncounted)
      return { group, lost: false, returned: answer.returned }
    } catch (error) {
      return this.#lost(whole, part.id, error)
    }
  }

  /** With all workers dead, new ones settle everything in a bounded number of calls, whether they acknowledge or die each time. */
  drain (whole: Whole): void {
    this.#drain(whole, true)
    if (this.#one.config.maxAttempts !== null) this.#drain(whole, false)
  }

  #drain (from: Whole, acks: boolean): void {
    const { topic, maxAttempts } = this.#one.small
    const callsMax = (topic.length + from.group.lanes.length + 2) * (acks ? 2 : 2 * (maxAttempts ?? 1)) + 8
    let whole: Whole = { ...from, lateReadable: true, failing: 0 }
    for (let calls = 0; ; calls++) {
      const { group } = whole
      const isEmpty = [group.leases, group.retry, group.lanes, group.dead].every((list) => list.length === 0)
      const isSettled = group.next >= this.#one.end && isEmpty
      if (isSettled) break
      if (calls > callsMax) throw new Violation(`§12.11: new workers have not settled everything after ${calls} calls`)
      whole = this.#letters.moved(whole)
      // Every lease and delay is over by then.
      const later = 1e6 * (calls + 1)
      const { group: received, worker } = this.#received(whole, `d${calls}`.padStart(16, '0'), { low: later, high: later }, 2)
      whole = worker.held !== undefined && acks ? this.#acked(received, worker.held, undefined).group : received
    }
    const { next, committed } = whole.group
    if (committed !== next) throw new Violation(`§12.7: everything below ${next} is settled, and ${committed} committed`)
  }

  #worker (whole: Whole, w: number, worker: Worker): Whole {
    return { ...whole, workers: whole.workers.map((each, i) => i === w ? worker : each) }
  }

  #left (whole: Whole, left: Partial<Whole['left']>): Whole {
    return { ...whole, left: { ...whole.left, ...left } }
  }
}
