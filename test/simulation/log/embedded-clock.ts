import type { SegmentStore } from '../../../src/ports/segment-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import type { Random } from '../engine/random.ts'
import { type Scheduler, Violation } from '../engine/scheduler.ts'
import type { Subject } from './workload.ts'

const hours = 3_600_000
const days = 24 * hours

/** How far the machine's clock is from the truth at a start of the store. */
const wrongMs = [0, 0, -2 * hours, 2 * hours, 400 * days, -400 * days, 30 * 365 * days]

/**
 * The embedded store's clock over restarts of its process, each with a machine clock that is right or wrong. Its times
 * are kept in the file, as the real one keeps them.
 *
 * In some runs the first processes are of an earlier version, whose clock began at the machine's at each start.
 */
export class EmbeddedClock {
  readonly #scheduler: Scheduler
  readonly #createStoreClock: Subject['createStoreClock']
  readonly #random: Random
  #oldProcesses: number
  readonly #neverOld: boolean
  #clock: () => number
  #newestSegment = 0
  #newestReservation = 0

  constructor (scheduler: Scheduler, createStoreClock: Subject['createStoreClock'], random: Random) {
    this.#scheduler = scheduler
    this.#createStoreClock = createStoreClock
    this.#random = random
    this.#oldProcesses = random.pick([0, 0, 2, 3])
    this.#neverOld = this.#oldProcesses === 0
    this.#clock = this.#start(random.pick(wrongMs))
  }

  readonly now = (): number => this.#clock()

  /** @param aheadMs of the machine's clock at the new start, a random one if not given */
  restart (aheadMs = this.#random.pick(wrongMs)): void {
    this.#clock = this.#start(aheadMs)
    this.#scheduler.note('store', `RESTARTS, the machine's clock ${aheadMs / hours} h ahead, its own ` +
      `${Math.round((this.now() - this.#scheduler.now) / hours)} h`)
  }

  /** The stores, with what they write of times kept for the next start. */
  watch (segments: SegmentStore, topics: TopicStore): { segments: SegmentStore, topics: TopicStore } {
    return {
      segments: {
        ...segments,
        putIfAbsent: async (...call) => {
          const put = await segments.putIfAbsent(...call)
          if (put === 'created') this.#newestSegment = this.now()
          return put
        },
        list: async (...call) => {
          const listing = await segments.list(...call)
          const future = listing.entries.find(({ lastModified }) => lastModified > listing.now)
          if (future !== undefined && this.#neverOld) {
            const aheadMs = future.lastModified - listing.now
            this.#scheduler.fail(new Violation(`the segment at ${future.lastOffset} is ${aheadMs} ms from the future`))
          }
          return listing
        }
      },
      topics: {
        ...topics,
        reserve: (topic, wanted, belief, options) => {
          this.#newestReservation = this.now()
          return topics.reserve(topic, wanted, belief, { ...options, now: this.#newestReservation })
        }
      }
    }
  }

  #start (aheadMs: number): () => number {
    const wall = (): number => this.#scheduler.now + aheadMs
    const elapsed = (): number => this.#scheduler.now
    const newest = this.#oldProcesses-- > 0 ? 0 : Math.max(this.#newestSegment, this.#newestReservation)
    return this.#createStoreClock(newest, wall, elapsed)
  }
}
