import type { Ms, Offset } from '../../ports/units.ts'
import { parseMessage, type NewMessage } from '../segments/message.ts'
import { joinRuns } from './runs.ts'
import { pendingRuns, withCommitted, type DeadBatch, type GroupState, type RetryRun } from './state.ts'

/** What a letter says of the message that it is a copy of, in these headers. */
const HEADERS = {
  topic: 'dead-letter-topic',
  group: 'dead-letter-group',
  life: 'dead-letter-life',
  offset: 'dead-letter-offset',
  timestamp: 'dead-letter-timestamp',
  attempts: 'dead-letter-attempts',
  reason: 'dead-letter-reason',
  detail: 'dead-letter-detail',
  trimmed: 'dead-letter-trimmed'
} as const

/** Whose letters they are. */
export interface LetterOrigin { readonly topic: string, readonly group: string, readonly life: string }

/** The number of the batch that is to be moved first, and the batch. */
export function firstBatch ({ dead, deadSeq }: GroupState): { readonly seq: number, readonly batch: DeadBatch } | undefined {
  const batch = dead[0]
  return batch === undefined ? undefined : { seq: deadSeq - dead.length + 1, batch }
}

/** The state without the batch `seq`, which is in the dead-letter topic now. The same state if it is not the first any more. */
export function confirmMoved (state: GroupState, seq: number): GroupState {
  if (firstBatch(state)?.seq !== seq) return state
  return withCommitted({ ...state, dead: state.dead.slice(1), movedUntil: 0 })
}

/** @param movedUntil the store's time until which nobody else should try to move the first batch */
export function claimMove (state: GroupState, movedUntil: Ms): GroupState {
  return { ...state, movedUntil }
}

/**
 * A batch as messages for the dead-letter topic (groups §6, 2). A message that was removed meanwhile has the payload `null`, so
 * that the batch keeps its count.
 * @param lineAt the stored line of a message
 */
export function lettersOf (batch: DeadBatch, origin: LetterOrigin, lineAt: (offset: Offset) => Uint8Array | undefined): NewMessage[] {
  const letters: NewMessage[] = []
  for (const { first, count, attempt } of batch.runs) {
    for (let offset = first; offset < first + count; offset++) letters.push(letterOf(offset, attempt, batch, origin, lineAt(offset)))
  }
  return letters
}

function letterOf (
  offset: Offset, attempt: number, { reason, detail }: DeadBatch, { topic, group, life }: LetterOrigin, line: Uint8Array | undefined
): NewMessage {
  const message = line === undefined ? undefined : parseMessage(line)
  const headers: Record<string, string> = {
    // The headers of a letter that dies again, of its own group, are replaced.
    ...message?.headers === undefined ? {} : JSON.parse(message.headers) as Record<string, string>,
    [HEADERS.topic]: topic,
    [HEADERS.group]: group,
    [HEADERS.life]: life,
    [HEADERS.offset]: String(offset),
    [HEADERS.attempts]: String(attempt),
    [HEADERS.reason]: reason
  }
  for (const [header, value] of [
    [HEADERS.timestamp, message?.timestamp], [HEADERS.detail, detail], [HEADERS.trimmed, message === undefined ? 'true' : undefined]
  ] as const) {
    if (value === undefined) delete headers[header]
    else headers[header] = value
  }
  return { payload: message?.payload ?? 'null', key: message?.key, headers: JSON.stringify(headers) }
}

/** A letter of this group, found in the dead-letter topic. */
export interface FoundLetter {
  /** Of the message in the topic. */
  readonly offset: Offset
  readonly key: string | undefined
}

/** @returns `undefined` if the message is not a letter of this life of the group */
export function foundLetter (line: Uint8Array, { topic, group, life }: LetterOrigin): FoundLetter | undefined {
  const { headers, key } = parseMessage(line)
  if (headers === undefined) return undefined
  const found = JSON.parse(headers) as Record<string, string>
  if (found[HEADERS.topic] !== topic || found[HEADERS.group] !== group || found[HEADERS.life] !== life) return undefined
  const offset = Number(found[HEADERS.offset])
  return Number.isSafeInteger(offset) && offset >= 1 ? { offset, key } : undefined
}

/** What redrive has read of the dead-letter topic. */
export interface ReadLetters {
  /** With the offsets that they have in the dead-letter topic, ascending. */
  readonly letters: ReadonlyArray<FoundLetter & { readonly at: Offset, readonly bucket: number | undefined }>
  /** Up to where the dead-letter topic was read. */
  readonly next: Offset
}

export interface Redriven {
  readonly redriven: number
  /** Letters whose messages come anyway. */
  readonly skipped: number
  /** Offsets of messages that were removed, so that only their letters are left. */
  readonly trimmed: readonly Offset[]
}

/**
 * Puts dead messages back to be handed out again (groups §6). Ends before a letter whose batch is not confirmed yet, and where
 * no more messages may be pending.
 * @param room how many more messages may be pending
 */
export function redrive (
  state: GroupState, { letters, next }: ReadLetters, { earliest, room }: { readonly earliest: Offset, readonly room: number }
): { readonly state: GroupState, readonly answer: Redriven } {
  const again: RetryRun[] = []
  const trimmed: Offset[] = []
  const taken = new Set<Offset>()
  const dead = offsetsIn(state.dead.flatMap(({ runs }) => runs))
  const pending = offsetsIn(pendingRuns({ ...state, dead: [] }))
  let skipped = 0
  let redriven = next
  for (const { at, offset, bucket } of letters) {
    if (dead.has(offset) || again.length >= room) {
      redriven = at
      break
    }
    const inLane = state.lanes.some((lane) => lane.bucket === bucket && lane.from <= offset)
    if (offset >= state.next || pending.has(offset) || inLane || taken.has(offset)) skipped++
    else if (offset < earliest) trimmed.push(offset)
    else {
      again.push({ first: offset, count: 1, attempt: 0, expired: false, bucket, notBefore: 0 })
      taken.add(offset)
    }
  }
  const retry = again.length === 0 ? state.retry : joinRuns([...state.retry, ...again])
  return { state: { ...state, retry, redriven }, answer: { redriven: again.length, skipped, trimmed } }
}

function offsetsIn (runs: Iterable<{ readonly first: Offset, readonly count: number }>): Set<Offset> {
  const offsets = new Set<Offset>()
  for (const { first, count } of runs) for (let i = 0; i < count; i++) offsets.add(first + i)
  return offsets
}
