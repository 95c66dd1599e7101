import type { createMemoryCopyStore, memoryItems } from '../../../src/adapters/memory/copy-store.ts'
import type { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import type { CopyableStores, copyAll, noCounts } from '../../../src/domain/copy/copy.ts'
import type { createGroups, Groups } from '../../../src/domain/groups/groups.ts'
import type { Log, LogDeps } from '../../../src/domain/log/log.ts'
import { createMemoryTokenStore } from '../../../src/adapters/memory/token-store.ts'
import { JumpingClock } from '../../support/jumping-clock.ts'
import { withFaults, type Faults } from '../../support/storage/faults.ts'
import type { Subject } from '../log/workload.ts'

/** The code that is tested: this project's, or a copy with a planted fault. */
export interface CopySubject extends Subject {
  readonly copyAll: typeof copyAll
  readonly noCounts: typeof noCounts
  readonly createGroups: typeof createGroups
  readonly createMemoryGroupStore: typeof createMemoryGroupStore
  readonly createMemoryCopyStore: typeof createMemoryCopyStore
  readonly memoryItems: typeof memoryItems
}

/** Memory stores between which a copy is made, with servers on them. */
export class Place {
  readonly stores: CopyableStores
  readonly #subject: CopySubject
  readonly #clock: JumpingClock
  readonly #random: () => number

  constructor (subject: CopySubject, clock: JumpingClock, random: () => number) {
    this.#subject = subject
    this.#clock = clock
    this.#random = random
    const items = subject.memoryItems()
    this.stores = {
      segments: subject.createMemorySegmentStore(clock.wall),
      topics: subject.createMemoryTopicStore(clock.wall, items.topics),
      records: subject.createMemoryRecordStore(items.records),
      groups: subject.createMemoryGroupStore(clock.wall, items.groups),
      tokens: createMemoryTokenStore(items.tokens),
      copies: subject.createMemoryCopyStore(items)
    }
  }

  /** A server that knows nothing yet. Producers leave the topics' items as soon as another one comes. */
  start (faults: Faults<CopyableStores['segments']> = {}): { readonly log: Log, readonly groups: Groups } {
    const { topics, records, groups } = this.stores
    const limits = {
      ...this.#subject.defaultLimits, segmentCacheBytes: 0, inlineRecordsBytes: 1, inlineRecordsMax: 1, producerIdleMs: 0
    }
    const random = this.#random
    const deps: LogDeps = {
      segments: withFaults(this.stores.segments, faults), topics, records, clock: this.#clock, compression: 'none', limits, random
    }
    const log = this.#subject.createLog(deps)
    const randomHex = (bytes: number): string => (
      Array.from({ length: bytes }, () => Math.floor(random() * 256).toString(16).padStart(2, '0')).join(''))
    return { log, groups: this.#subject.createGroups({ store: groups, topics, log, clock: this.#clock, limits, random, randomHex }) }
  }
}
