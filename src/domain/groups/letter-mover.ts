import type { GroupName } from '../../ports/group-store.ts'
import type { Offset } from '../../ports/units.ts'
import { hasCode } from '../errors.ts'
import { messagesOf } from '../log/log.ts'
import { createOperation, type Operation } from '../operation.ts'
import { confirmMoved, firstBatch, lettersOf } from './dead-letters.ts'
import { readTopic, type Group, type GroupContext } from './group-context.ts'
import type { Command, GroupQueue } from './group-queue.ts'
import { joinRuns } from './runs.ts'
import type { Run } from './state.ts'

/** What the log says of a batch that somebody else has written. */
const WRITTEN = ['producer_fenced', 'producer_seq_old', 'idempotency_conflict'] as const

/**
 * Appends the first batch of dead letters to the dead-letter topic, then takes it out of the group (groups §6). The batch's
 * number is the epoch of a producer, so the log stores it once, whoever else tries, and it needs to know none of the batches before:
 * the dead-letter topic may have been deleted, or the producer's record have expired. If it fails, the batch stays.
 * @throws LogError
 */
export async function moveLetters (context: GroupContext, name: GroupName, queue: GroupQueue): Promise<void> {
  const operation = createOperation()
  // A batch that somebody else has moved meanwhile is not stored twice.
  const { group } = queue.kept.young ?? await queue.kept.read(context.clock.monotonic(), [operation])
  const first = group === undefined ? undefined : firstBatch(group.state)
  if (group === undefined || first === undefined) return
  const { deadLetterTopic, deadLetterProducer } = group.config
  if (deadLetterTopic === null) return
  const lines = await linesOf(context, name.topic, first.batch.runs, operation)
  const letters = lettersOf(first.batch, { ...name, life: group.life }, (offset) => lines.get(offset))
  try {
    await context.log.append(deadLetterTopic, letters, { producer: { id: deadLetterProducer, epoch: first.seq, seq: 0 } }, operation)
  } catch (error) {
    // Batches are begun in order, each when the one before is confirmed: if a later one is begun, or this one has been written with
    // other contents or at offsets that are not known any more, it is in the topic.
    if (!WRITTEN.some((code) => hasCode(error, code))) throw error
  }
  await queue.submit(confirmation(group, first.seq, context.runsOn), operation)
}

/** A function moves one batch before it answers; the next one is left to the next command. */
function confirmation ({ gen, config }: Group, seq: number, runsOn: boolean): Command<undefined> {
  return {
    kind: 'settle',
    repeatable: true,
    movesLetters: runsOn,
    apply: (view) => {
      // With another producer, numbers begin anew: the first batch is another one then.
      const isSame = view.gen === gen && view.config.deadLetterProducer === config.deadLetterProducer
      return { state: isSame ? confirmMoved(view.state, seq) : view.state, answer: undefined }
    }
  }
}

/** The stored lines of messages, as far as they are still there. @throws LogError if a segment can't be loaded */
export async function linesOf (
  context: GroupContext, topic: string, runs: readonly Run[], operation: Operation
): Promise<Map<Offset, Uint8Array>> {
  const { log, limits } = context
  const item = await readTopic(context, topic, operation)
  const lines = new Map<Offset, Uint8Array>()
  for (const { first, count } of joinRuns(runs.map(({ first, count }) => ({ first, count, attempt: 1, expired: false })))) {
    const end = first + count
    for (let from = first; from < end;) {
      const page = await log.read(topic, { from, limit: end - from, maxBytes: limits.pageBytesMax, item }, operation)
      for (const { offset, line } of messagesOf(page)) if (offset < end) lines.set(offset, line)
      // Nothing more to be had: what was read as a message once can't be pending now.
      if (page.nextOffset === from) break
      from = page.nextOffset
    }
  }
  return lines
}
