import type { Offset } from '../../ports/units.ts'
import { LogError } from '../errors.ts'
import { isTopic } from '../topics/name.ts'
import type { GroupConfig } from './config.ts'
import type { Group, GroupContext } from './group-context.ts'
import type { Command } from './group-queue.ts'
import { countDead, countOf, newGroup, type GroupState } from './state.ts'

/** A change of a group's config. Absent members stay as they are. */
export type GroupChange = Partial<Omit<GroupConfig, 'deadLetterProducer'>>

const PRODUCER_BYTES = 16
const LETTERS_SUFFIX = '.dlq'

/** The dead-letter topic of a topic's groups, if no other is set: workers of a topic may write there. */
export function defaultLettersOf (topic: string): string {
  return topic + LETTERS_SUFFIX
}

/** The config of a group that is made without one. The dead letters of dead letters would have no end, so they have none. */
export function defaultConfig (topic: string, { limits, randomHex }: Pick<GroupContext, 'limits' | 'randomHex'>): GroupConfig {
  const letters = defaultLettersOf(topic)
  const deadLetterTopic = topic.endsWith(LETTERS_SUFFIX) || !isTopic(letters) ? null : letters
  return {
    mode: 'shared',
    leaseMs: limits.leaseDefaultMs,
    maxAttempts: deadLetterTopic === null ? null : limits.deliveriesDefault,
    maxInFlight: limits.groupInFlightDefault,
    deadLetterTopic,
    deadLetterProducer: randomHex(PRODUCER_BYTES)
  }
}

/** @throws LogError `group_busy` while messages are pending that the change would concern; `invalid_group_config` */
export function changeGroup (
  { config, state }: Pick<Group, 'config' | 'state'>, change: GroupChange, topic: string, randomHex: GroupContext['randomHex']
): GroupConfig {
  const changed = { ...config, ...change }
  if (changed.deadLetterTopic === topic) throw invalid('dead_letter_topic: expected another topic than the group\'s')
  if (changed.deadLetterTopic === null && changed.maxAttempts !== null) {
    throw invalid('max_attempts: expected null, because the group has no dead_letter_topic to which messages could go')
  }
  if (changed.mode !== config.mode && hasPending(state)) throw busy('mode: expected the same', pendingText(state))
  if (changed.deadLetterTopic === config.deadLetterTopic) return isSame(changed, config) ? config : changed
  if (state.dead.length > 0) throw busy('dead_letter_topic: expected the same', deadText(state))
  return { ...changed, deadLetterProducer: randomHex(PRODUCER_BYTES) }
}

/** The numbers of batches begin anew with another producer. */
export function withLettersFrom (state: GroupState, before: GroupConfig, after: GroupConfig): GroupState {
  return before.deadLetterProducer === after.deadLetterProducer ? state : { ...state, deadSeq: 0, redriven: 1 }
}

function isSame (one: GroupConfig, other: GroupConfig): boolean {
  return (Object.keys(one) as Array<keyof GroupConfig>).every((member) => one[member] === other[member])
}

/** A place in the topic. */
export type Start = Offset | 'earliest' | 'latest'

interface TopicRange { readonly earliest: Offset, readonly end: Offset }

/** @throws LogError `offset_out_of_range` */
export function offsetOf (start: Start, { earliest, end }: TopicRange): Offset {
  if (start === 'earliest') return earliest
  if (start === 'latest') return end
  if (start <= end) return Math.max(start, earliest)
  throw new LogError('offset_out_of_range', `offset: expected at most ${end}, the end of the topic, got ${start}`, { earliest, end })
}

export interface Sought {
  readonly committedOffset: Offset
  readonly endedLeases: number
}

export interface SeekOptions {
  readonly to: Start
  /** The committed offset that the group must have. */
  readonly expected?: Offset | undefined
  readonly topic: TopicRange
  readonly make: () => GroupConfig
}

/** Moves the group to another offset (groups §10). Made again after a lost answer, it could undo what others did since. */
export function seekCommand ({ to, expected, topic, make }: SeekOptions): Command<Sought> {
  return {
    kind: 'settle',
    repeatable: false,
    movesLetters: false,
    make: () => ({ config: make(), state: newGroup(topic.earliest) }),
    apply: ({ state }) => {
      if (expected !== undefined && expected !== state.committed) {
        throw new LogError('offset_conflict', `expected: the committed offset is ${state.committed}, not ${expected}.`,
          { committed_offset: state.committed })
      }
      const at = offsetOf(to, topic)
      const answer = { committedOffset: at, endedLeases: state.leases.length }
      const isThere = state.next === at && state.committed === at && !hasHandedOut(state)
      if (isThere) return { answer }
      return { state: { ...state, next: at, committed: at, soughtSeq: state.seq, leases: [], retry: [], lanes: [] }, answer }
    }
  }
}

function hasHandedOut ({ leases, retry, lanes }: GroupState): boolean {
  return leases.length > 0 || retry.length > 0 || lanes.length > 0
}

function hasPending (state: GroupState): boolean {
  return hasHandedOut(state) || state.dead.length > 0
}

/** @throws LogError `group_busy` if the group must not be deleted */
export function checkDeletable (state: GroupState): void {
  if (state.leases.length > 0) throw busy('The group is deleted only with force=true', pendingText(state))
  if (state.dead.length > 0) throw busy('The group is deleted only with force=true', deadText(state))
}

function pendingText (state: GroupState): string {
  const { leases, retry, lanes } = state
  return `${leases.length} leases are live, ${countOf(retry)} messages wait to be delivered again, ` +
    `${lanes.length} keys have messages that were passed over, and ${deadText(state)}`
}

function deadText (state: GroupState): string {
  return `${countDead(state)} messages are on their way to the dead-letter topic`
}

function busy (rule: string, what: string): LogError {
  return new LogError('group_busy', `${rule} while messages are pending: ${what}.`)
}

export function invalid (text: string): LogError {
  return new LogError('invalid_group_config', text)
}
