import type { Clock } from '../../ports/clock.ts'
import type { GroupItem, GroupName, GroupStore } from '../../ports/group-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import type { Traces } from '../../ports/traces.ts'
import { LogError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Log } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import { StoreCalls } from '../store-calls.ts'
import { decodeState } from './codec.ts'
import { decodeGroupConfig, type GroupConfig } from './config.ts'
import { lifeOf } from './lease-id.ts'
import type { PageBudget } from './page-budget.ts'
import type { GroupState } from './state.ts'
import type { StoreClock } from './store-clock.ts'

/** What the parts of this room share. */
export interface GroupContext {
  readonly store: GroupStore
  readonly topics: TopicStore
  readonly log: Log
  readonly clock: Clock
  readonly limits: Limits
  /** A number in [0, 1), for delays. */
  readonly random: () => number
  /** So many random bytes as hexadecimal digits, that nobody can guess. */
  readonly randomHex: (bytes: number) => string
  readonly storeClock: StoreClock
  readonly pageBudget: PageBudget
  /** Whether the process goes on running when it has answered; false for a function. */
  readonly runsOn: boolean
  readonly telemetry: Telemetry
  /** Only while traces are on. */
  readonly traces?: Traces | undefined
}

/** A group as it was read. */
export interface Group {
  readonly gen: string
  /** What an id of a lease tells of `gen`. */
  readonly life: string
  readonly rev: number
  readonly config: GroupConfig
  readonly state: GroupState
}

/** @throws LogError `group_corrupt` */
export function groupOf (item: GroupItem, { topic, group }: GroupName): Group {
  try {
    const { gen, rev, config, state } = item
    return { gen, life: lifeOf(gen), rev, config: decodeGroupConfig(config), state: decodeState(state) }
  } catch (cause) {
    throw new LogError('group_corrupt', `What is stored of the group ${group} of topic ${topic} cannot be read. ` +
      'Another program has changed it, or a newer version has written it. DELETE with force=true removes it.', { cause })
  }
}

/** @throws StoreError */
export function readTopic (context: GroupContext, topic: string, { signal }: Operation): Promise<TopicItem | undefined> {
  const calls = new StoreCalls(context, Infinity, signal)
  return calls.make('read', 'the topic store', (aborted) => context.topics.read(topic, { signal: aborted }))
}
