import type { StoreError } from '../../../src/ports/errors.ts'
import type { GroupItem, GroupStore } from '../../../src/ports/group-store.ts'
import type { RecordStore } from '../../../src/ports/record-store.ts'
import type { SegmentListing, SegmentObject, SegmentStore } from '../../../src/ports/segment-store.ts'
import type { Fact, TopicItem, TopicStore, Wanted } from '../../../src/ports/topic-store.ts'
import { Random } from './random.ts'
import type { Process, Scheduler } from './scheduler.ts'

/**
 * What can go wrong with a call, as a store's client meets it:
 * - `lose request`: never applied, and the caller hears nothing, or a broken connection.
 * - `lose answer`: applied, and the caller hears nothing, or a broken connection.
 * - `delay`: applied long after the caller stopped waiting, maybe after everything that has a time-out.
 * - `refuse`: 503, SlowDown or throttling; not applied.
 * - `conflict`: 409 to a put; not applied.
 * - `retry`: it arrives twice, as a proxy lost the first answer and asked again, and the second answer is reported (412 on
 *   its own success; a reservation counted twice).
 * - `cut short`: a listing that ends early and says that there is more.
 * - `pause`, `pause frozen`: the process stops for a while before it sees the answer.
 * - `crash`: the process is killed before it sees the answer.
 * Beside these, a listing may come from a store that does not keep what the log demands: in another order, or without dates.
 */
export type FaultKind =
  | 'lose request'
  | 'lose answer'
  | 'delay'
  | 'refuse'
  | 'conflict'
  | 'retry'
  | 'cut short'
  | 'pause'
  | 'pause frozen'
  | 'crash'

/** How likely each fault is for one call; each seed draws its own (swarm testing), many of them 0. */
export type FaultRates = Readonly<Record<FaultKind, number>>

export interface WorldOptions {
  readonly seed: number
  readonly rates: FaultRates
  /** Typical ms from a process to a store. */
  readonly latencyMs: number
  /** Faults to leave out, by their names `process#call`: shrinking takes away what a violation does not need. */
  readonly without?: ReadonlySet<string>
}

export interface Stores { readonly segments: SegmentStore, readonly topics: TopicStore, readonly records: RecordStore }

/** Stores behind a network that loses, delays and repeats, under the scheduler's time. */
export class World {
  /** Faults that were injected, by name. */
  readonly injected: string[] = []
  faultsOn = true
  readonly #scheduler: Scheduler
  readonly #StoreError: typeof StoreError
  readonly #options: WorldOptions
  readonly #stores: Stores
  readonly #calls = new Map<string, number>()
  /** How likely it is for one listing; drawn apart from the other rates, whose seeds stay what they were. */
  readonly #brokenListings: number
  #restarts = 0

  constructor (scheduler: Scheduler, storeError: typeof StoreError, options: WorldOptions, stores: Stores) {
    this.#scheduler = scheduler
    this.#StoreError = storeError
    this.#options = options
    this.#stores = stores
    const random = new Random(options.seed, 'broken listings')
    this.#brokenListings = random.chance(0.3) ? random.next() : 0
  }

  /** The stores end with their process: what is on its way to them is lost. */
  restart (): void {
    this.#restarts++
  }

  /** The stores as `process` reaches them. */
  stores (process: Process): Stores {
    const { segments, topics, records } = this.#stores
    const call = <T>(
      what: string, apply: (cut: Random | undefined) => Promise<T>, show: (result: T) => unknown, kinds: readonly FaultKind[] = READ_FAULTS
    ): Promise<T> =>
        this.#call(process, what, apply, show, kinds)
    return {
      segments: {
        putIfAbsent: (topic, last, object, options) => call(`put ${nameOf(object, last)}`,
          () => segments.putIfAbsent(topic, last, object, options), (result) => result, PUT_FAULTS),
        get: (topic, last) =>
          call(`get ${last}`, () => segments.get(topic, last), (object) => object === undefined ? 'nothing' : 'an object'),
        list: (topic, from, limit) => call(`list from ${from}`,
          async (cut) => this.#demandBroken(process, await segments.list(topic, from, cut?.int(1, 3) ?? limit)),
          (listing) => `${listing.entries.map((entry) => entry.lastOffset).join(' ')}${listing.truncated ? ' …' : ''}`, LIST_FAULTS),
        remove: (topic, lasts) => call(`remove ${lasts.join(' ')}`, () => segments.remove(topic, lasts), () => 'done'),
        check: () => segments.check()
      },
      topics: {
        reserve: (topic, wanted, belief, options) => call(`reserve ${showWanted(wanted)}`,
          () => topics.reserve(topic, wanted, belief, options),
          (answer) => answer.kind === 'reserved' ? `${answer.first}…${answer.last}` : `REFUSED: ${showItem(answer.item)}`, WRITE_FAULTS),
        read: (topic) => call('read the item', () => topics.read(topic), showItem),
        markClosed: (topic, closing) => call(`mark closed at ${closing}`, () => topics.markClosed(topic, closing),
          () => 'done', WRITE_FAULTS),
        raiseEarliest: (topic, to, resolved) => call(`raise earliest to ${to}`, () => topics.raiseEarliest(topic, to, resolved),
          (answer) => `${answer.kind}: ${showItem(answer.item)}`, WRITE_FAULTS),
        markDeleted: (topic, currentOffset) => call(`mark deleted at ${currentOffset}`, () => topics.markDeleted(topic, currentOffset),
          (answer) => answer.kind, WRITE_FAULTS),
        configure: (topic, config, seen, options) => call('configure', () => topics.configure(topic, config, seen, options),
          (answer) => answer.kind, WRITE_FAULTS),
        noteSwept: (topic, swept) => call('note what was swept', () => topics.noteSwept(topic, swept), () => 'done', WRITE_FAULTS),
        correctReservedAt: (topic, time) => call(`correct the time of ${time.currentOffset}`, () => topics.correctReservedAt(topic, time),
          () => 'done', WRITE_FAULTS),
        list: (after, limit) => call('list topics', () => topics.list(after, limit), (listing) => listing.topics.join(' ')),
        check: () => topics.check()
      },
      records: {
        read: (name) => call(`read the record of ${name.kind} ${name.id}`, () => records.read(name), showFact),
        replace: (name, record, seen, options) => call(`replace the record of ${name.kind} ${name.id}, ${seen}, by ${showFact(record)}`,
          () => records.replace(name, record, seen, options),
          (answer) => answer === 'replaced' ? answer : `REFUSED: ${showFact(answer)}`, WRITE_FAULTS),
        removeExpired: (nowMs, limit) => records.removeExpired(nowMs, limit)
      }
    }
  }

  /** A group store as `process` reaches it. */
  groups (process: Process, groups: GroupStore): GroupStore {
    const call = <T>(what: string, apply: () => Promise<T>, show: (result: T) => unknown, kinds = READ_FAULTS): Promise<T> =>
      this.#call(process, what, apply, show, kinds)
    return {
      read: (name) => call('read the group', () => groups.read(name), ({ item }) => showGroup(item)),
      write: (name, item, expected) => call(`write the group ${showGroup(item)}`, () => groups.write(name, item, expected),
        (answer) => answer.kind === 'written' ? answer.kind : `REFUSED: ${showGroup(answer.item)}`, WRITE_FAULTS),
      remove: (name, expected) => call(`remove the group ${expected.gen.slice(0, 4)}/${expected.rev}`, () => groups.remove(name, expected),
        (answer) => answer.kind === 'written' ? 'removed' : `REFUSED: ${showGroup(answer.item)}`, WRITE_FAULTS),
      list: (topic, after, limit) => call('list groups', () => groups.list(topic, after, limit), (listing) => listing.groups.join(' '))
    }
  }

  #call<T> (
    process: Process,
    what: string,
    apply: (cut: Random | undefined) => Promise<T>,
    show: (result: T) => unknown,
    kinds: readonly FaultKind[]
  ): Promise<T> {
    const scheduler = this.#scheduler
    const n = (this.#calls.get(process.name) ?? 0) + 1
    this.#calls.set(process.name, n)
    const random = new Random(this.#options.seed, process.name, n)
    const there = this.faultsOn ? random.heavyTail(this.#options.latencyMs) : 5
    const back = this.faultsOn ? random.heavyTail(this.#options.latencyMs) : 5
    const fault = this.#fault(random, `${process.name}#${n}`, kinds)
    const restarts = this.#restarts

    return new Promise<T>((resolve, reject) => {
      const answer = (after: number, deliver: () => void): void => { scheduler.at(scheduler.now + after, process, deliver) }
      const arrive = (after: number, then: (outcome: () => void, said: string) => void): void => {
        // Not an event of the process: what is on the wire arrives even if the sender is dead.
        scheduler.at(scheduler.now + after, undefined, () => {
          if (restarts !== this.#restarts) return
          apply(fault === 'cut short' ? random : undefined).then(
            (result) => then(() => resolve(result), String(show(result))),
            (error: unknown) => then(() => reject(error instanceof Error ? error : new Error(String(error))), String(error))
          ).catch((error: unknown) => scheduler.fail(error))
        })
      }
      const note = (said: string): void => scheduler.note(process.name, `${what} -> ${said}`)
      const silent = random.chance(0.5)
      const broken = (after: number): void => {
        if (!silent) answer(after, () => reject(new this.#StoreError('unavailable', 'unknown', 'connection reset')))
      }

      switch (fault) {
        case 'lose request':
          note('LOST')
          return broken(there + back)
        case 'lose answer':
          return arrive(there, (_, said) => { note(`${said}, ANSWER LOST`); broken(back) })
        case 'delay':
          note('DELAYED')
          if (!silent) broken(there + back)
          return arrive(random.pick(delaysMs) * (0.5 + random.next()), (_, said) => note(`${said}, LATE`))
        case 'refuse':
          note('503')
          return answer(there + back, () => {
            reject(new this.#StoreError('throttled', kinds === PUT_FAULTS ? 'unknown' : 'none', 'slow down'))
          })
        case 'conflict':
          note('409')
          return answer(there + back, () => reject(new this.#StoreError('conflict', 'none', 'conditional request conflict')))
        case 'retry':
          return arrive(there, (_, said) => {
            note(`${said}, ANSWER LOST, ASKED AGAIN BY A PROXY`)
            arrive(back, (outcome, again) => { note(again); answer(back, outcome) })
          })
        case 'pause': case 'pause frozen':
          return arrive(there, (outcome, said) => {
            note(said)
            process.pause(random.pick(pausesMs) * (0.7 + random.next()), fault === 'pause frozen')
            answer(back, outcome)
          })
        case 'crash':
          return arrive(there, (_, said) => { note(said); process.kill() })
        default:
          return arrive(there, (outcome, said) => { note(said); answer(back, outcome) })
      }
    })
  }

  #demandBroken (process: Process, listing: SegmentListing): SegmentListing {
    if (!this.faultsOn) return listing
    const name = `${process.name}#${this.#calls.get(process.name)} listing`
    const random = new Random(this.#options.seed, name)
    if (!random.chance(this.#brokenListings) || this.#options.without?.has(name) === true) return listing
    this.injected.push(name)
    const { entries } = listing
    return random.chance(0.5)
      ? { ...listing, entries: entries.toReversed() }
      : { ...listing, entries: entries.map((entry) => ({ ...entry, lastModified: NaN })) }
  }

  #fault (random: Random, name: string, kinds: readonly FaultKind[]): FaultKind | undefined {
    if (!this.faultsOn) return undefined
    const chosen = kinds.find((kind) => random.chance(this.#options.rates[kind]))
    if (chosen === undefined || this.#options.without?.has(name) === true) return undefined
    this.injected.push(name)
    return chosen
  }
}

function showGroup (item: GroupItem | undefined): string {
  return item === undefined ? 'nothing' : `${item.gen.slice(0, 4)}/${item.rev}`
}

function showFact (fact: Fact | undefined): string {
  return fact === undefined ? 'nothing' : `${fact.last}: ${fact.text}`
}

function showWanted ({ count, producers, closing, order, movedOut }: Wanted): string {
  const facts = [...producers ?? []].map(([id, text]) => `${id}=${text}`)
  const parts = [count, ...facts, closing !== undefined ? 'closing' : '', order ?? '', ...(movedOut ?? []).map((id) => `-${id}`)]
  return parts.filter((part) => part !== '').join(' ')
}

function showItem (item: TopicItem | undefined): string {
  if (item === undefined) return 'nothing'
  const { currentOffset, earliest, deletedAtOffset, closed, closing, order, moves, producers } = item
  const facts: Array<[string, unknown]> = [
    ['deleted at', deletedAtOffset], ['closed', closed], ['closing', closing?.last], ['order', order && showFact(order)],
    ['moves', moves === 0 ? undefined : moves], ...[...producers].map(([id, fact]): [string, unknown] => [id, showFact(fact)])
  ]
  const shown = facts.filter(([, value]) => value !== undefined).map(([name, value]) => `, ${name} ${String(value)}`)
  return `current ${currentOffset}, earliest ${earliest}${shown.join('')}`
}

function nameOf ({ metadata, body }: SegmentObject, last: number): string {
  return metadata['sealed'] === undefined ? `${metadata['first']}…${last}` : `${metadata['sealed']} seal ${Buffer.from(body).toString()}`
}

const delaysMs = [3_000, 10_000, 60_000, 16 * 60_000, 40 * 60_000]
const pausesMs = [3_000, 5_000, 5_000, 10_000, 70_000, 16 * 60_000, 45 * 60_000, 45 * 60_000]

const READ_FAULTS: readonly FaultKind[] = ['crash', 'lose request', 'lose answer', 'refuse', 'pause', 'pause frozen']
const LIST_FAULTS: readonly FaultKind[] = [...READ_FAULTS, 'cut short']
const WRITE_FAULTS: readonly FaultKind[] = [...READ_FAULTS, 'delay', 'retry']
const PUT_FAULTS: readonly FaultKind[] = [...WRITE_FAULTS, 'conflict']

const swarm: Readonly<Record<FaultKind, number>> = {
  'lose request': 0.1,
  'lose answer': 0.15,
  delay: 0.15,
  refuse: 0.2,
  conflict: 0.2,
  retry: 0.15,
  'cut short': 0.3,
  pause: 0.08,
  'pause frozen': 0.08,
  crash: 0.05
}

/** Each seed has about half of the kinds, each at a strength of its own. */
export function drawRates (random: Random): FaultRates {
  const rates = { ...swarm }
  for (const kind of Object.keys(swarm) as FaultKind[]) rates[kind] = random.chance(0.5) ? 0 : swarm[kind] * random.next()
  return rates
}
