import type { GroupName } from '../../ports/group-store.ts'
import type { Offset } from '../../ports/units.ts'
import { messagesOf } from '../log/log.ts'
import type { Operation } from '../operation.ts'
import { earliestOf, endOf } from '../topics/state.ts'
import { foundLetter, redrive, type ReadLetters, type Redriven } from './dead-letters.ts'
import { readTopic, type Group, type GroupContext } from './group-context.ts'
import type { GroupQueue } from './group-queue.ts'
import { bucketOf } from './lease-id.ts'
import { contended } from './refusals.ts'
import { pendingRuns, roomBeside } from './state.ts'

/** Rounds of a redrive whose place was moved by another one meanwhile. */
const ROUNDS_MAX = 5

export interface RedriveOptions {
  /** Most messages of the dead-letter topic to look at. */
  readonly limit: number
  /** An offset of the dead-letter topic to begin at, in place of where the last redrive ended. */
  readonly from?: Offset | undefined
  /** Called with the dead-letter topic before it is read. What it throws ends the redrive. */
  readonly checkLetters?: (deadLetterTopic: string) => void
}

/** `more`: the dead-letter topic goes on behind what was looked at. */
export interface RedriveAnswer extends Redriven { readonly more: boolean }

interface Letters extends ReadLetters {
  /** The end of the dead-letter topic. */
  readonly end: Offset
}

/** Reads letters of the group from the dead-letter topic, and lets their messages be delivered again (groups §6). @throws LogError */
export async function redriveLetters (
  context: GroupContext, name: GroupName, queue: GroupQueue, options: RedriveOptions, operation: Operation
): Promise<RedriveAnswer> {
  const earliest = earliestOf(await readTopic(context, name.topic, operation))
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { group } = await queue.kept.read(context.clock.monotonic(), [operation])
    const from = options.from ?? group?.state.redriven ?? 1
    const letters = group === undefined
      ? { letters: [], next: from, end: from }
      : await readLetters(context, name, group, { ...options, from }, operation)
    const answer = await queue.submit<RedriveAnswer | 'again'>({
      kind: 'settle',
      repeatable: false,
      movesLetters: false,
      apply: (view) => {
        // Another redrive, or another life of the group: other letters are to be read.
        const isOther = view.gen !== group?.gen || view.config.deadLetterProducer !== group.config.deadLetterProducer ||
          (options.from === undefined && view.state.redriven !== from)
        if (isOther) return { answer: 'again', tentative: true }
        const room = roomBeside(pendingRuns(view.state), view.config, context.limits)
        const { state, answer } = redrive(view.state, letters, { earliest, room })
        return { state, answer: { ...answer, more: state.redriven < letters.end } }
      }
    }, operation)
    if (answer !== 'again') return answer
  }
  throw contended()
}

async function readLetters (
  context: GroupContext, name: GroupName, { gen, life, config }: Group,
  { limit, from, checkLetters }: RedriveOptions & { readonly from: Offset }, operation: Operation
): Promise<Letters> {
  const { log, limits } = context
  const { deadLetterTopic, mode } = config
  if (deadLetterTopic === null) return { letters: [], next: from, end: from }
  checkLetters?.(deadLetterTopic)
  const item = await readTopic(context, deadLetterTopic, operation)
  const end = endOf(item)
  const start = Math.min(Math.max(from, earliestOf(item)), end)
  const page = await log.read(deadLetterTopic, { from: start, limit, maxBytes: limits.pageBytesMax, item }, operation)
  const letters: Array<ReadLetters['letters'][number]> = []
  for (const { offset: at, line } of messagesOf(page)) {
    const letter = foundLetter(line, { ...name, life })
    if (letter === undefined) continue
    const { offset, key } = letter
    const bucket = mode === 'exclusive' ? 0 : mode === 'keyed' && key !== undefined ? bucketOf(gen, key) : undefined
    letters.push({ at, offset, key, bucket })
  }
  return { letters, next: page.nextOffset, end }
}
