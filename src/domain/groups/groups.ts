import type { Clock } from '../../ports/clock.ts'
import type { GroupName, GroupStore } from '../../ports/group-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { TopicStore } from '../../ports/topic-store.ts'
import type { Traces } from '../../ports/traces.ts'
import type { Ms, Offset } from '../../ports/units.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import type { Log } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import { noTelemetry, observedGroups, observedTopics } from '../telemetry.ts'
import type { GroupDescription } from './describe.ts'
import type { GroupChange, Sought, Start } from './manage.ts'
import { ManyGroups, type Extended, type GroupPage, type PutAnswer } from './many-groups.ts'
import type { GroupsProgress } from './progress.ts'
import { PageBudget } from './page-budget.ts'
import { createRandomHex } from './random.ts'
import type { AckAnswer, ReceiveAnswer, ReceiveOptions } from './receive-answer.ts'
import type { RedriveAnswer, RedriveOptions } from './redriver.ts'
import type { LeasePart, Nacked, NackOptions } from './settle.ts'
import { StoreClock } from './store-clock.ts'

export type { GroupName } from '../../ports/group-store.ts'
export { groupModes, type GroupConfig, type GroupMode } from './config.ts'
export type { GroupDescription, LeaseDescription } from './describe.ts'
export { decodeLeaseId, type LeaseId } from './lease-id.ts'
export { lettersOfCopy, letterProducerOf } from './copied-group.ts'
export { createRandomHex } from './random.ts'
export { defaultLettersOf, type GroupChange, type Sought, type Start } from './manage.ts'
export type { Extended, GroupPage, PutAnswer } from './many-groups.ts'
export type { GroupProgress, GroupsProgress } from './progress.ts'
export type { RedriveAnswer, RedriveOptions } from './redriver.ts'
export type { WaitingFor } from './receive.ts'
export type { AckAnswer, LeaseAnswer, ReceiveAnswer, ReceiveOptions, Redelivered } from './receive-answer.ts'
export type { LeasePart, Nacked, NackOptions } from './settle.ts'

/** Consumer groups: workers share the messages of a topic. All methods throw only LogError. */
export interface Groups {
  /** Leases messages to a worker, and makes the group if there is none. @throws LogError `group_contended` */
  receive (name: GroupName, options: ReceiveOptions, operation?: Operation): Promise<ReceiveAnswer>
  /** Settles messages. @throws LogError `group_not_found`, `lease_lost` */
  ack (name: GroupName, part: LeasePart, operation?: Operation): Promise<AckAnswer>
  /**
   * Hands messages back, or gives them up.
   * @throws LogError as `ack`, and `invalid_group_config` for `reject` without a dead-letter topic
   */
  nack (name: GroupName, part: LeasePart, options: NackOptions, operation?: Operation): Promise<Nacked>
  /** Lets the lease end later, or earlier. @param leaseMs the group's by default @throws LogError as `ack` */
  extend (name: GroupName, id: LeasePart['id'], leaseMs: Ms | undefined, operation?: Operation): Promise<Extended>
  /**
   * Makes the group, or changes its config. If nothing changes, nothing is written.
   * @param start of a new group; `earliest` by default
   * @throws LogError `group_busy`, `invalid_group_config`, `offset_out_of_range`
   */
  put (name: GroupName, change: GroupChange, start?: Start, operation?: Operation): Promise<PutAnswer>
  /** Moves the group to an offset, and makes it if there is none. @throws LogError `offset_conflict`, `offset_out_of_range` */
  seek (name: GroupName, to: Start, expected?: Offset, operation?: Operation): Promise<Sought>
  /** Lets dead messages be delivered again. @throws LogError `group_not_found` */
  redrive (name: GroupName, options: RedriveOptions, operation?: Operation): Promise<RedriveAnswer>
  /** @throws LogError `group_not_found` */
  describe (name: GroupName, operation?: Operation): Promise<GroupDescription>
  /**
   * @param force also while messages are leased or dead letters wait, and also a group that can't be read
   * @throws LogError `group_not_found`, `group_busy`
   */
  delete (name: GroupName, force: boolean, operation?: Operation): Promise<void>
  /** Names after `after`, at most `limit`. */
  list (topic: string, after: string, limit: number, operation?: Operation): Promise<GroupPage>
  /**
   * How far the topic's first groups are.
   * @param end of the topic
   * @param limit how many groups
   */
  progress (topic: string, end: Offset, limit: number, operation?: Operation): Promise<GroupsProgress>
}

export interface GroupsDeps {
  readonly store: GroupStore
  readonly topics: TopicStore
  readonly log: Log
  readonly clock: Clock
  readonly limits?: Limits
  /** A number in [0, 1), for delays. */
  readonly random?: () => number
  /** So many random bytes as hexadecimal digits, that nobody can guess. */
  readonly randomHex?: (bytes: number) => string
  /** Whether the process goes on running when it has answered; true by default. */
  readonly runsOn?: boolean
  /** Gets what groups do, and the calls to the stores, apart from those that `log` makes. */
  readonly telemetry?: Telemetry
  /** Only while traces are on. */
  readonly traces?: Traces | undefined
}

export function createGroups (deps: GroupsDeps): Groups {
  const { log, clock, limits = defaultLimits, random = Math.random, runsOn = true, telemetry } = deps
  const store = telemetry === undefined ? deps.store : observedGroups(deps.store, telemetry, clock)
  const topics = telemetry === undefined ? deps.topics : observedTopics(deps.topics, telemetry, clock)
  const randomHex = deps.randomHex ?? createRandomHex()
  const storeClock = new StoreClock(clock, limits.groupClockAgeMs)
  const pageBudget = new PageBudget(limits.groupPagesTotalBytes)
  return new ManyGroups({
    store,
    topics,
    log,
    clock,
    limits,
    random,
    randomHex,
    storeClock,
    pageBudget,
    runsOn,
    telemetry: telemetry ?? noTelemetry,
    traces: deps.traces
  })
}
