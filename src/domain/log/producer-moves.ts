import { leavingProducers } from '../producers/moves.ts'
import { decodeProducer, encodeProducer, resolveProducer } from '../producers/record.ts'
import type { TopicBelief } from './belief.ts'
import type { OpenRange } from './conditions.ts'
import type { GroupDraft } from './group-draft.ts'
import type { LogContext, TopicStorage } from './topic-storage.ts'

export interface MoveOptions {
  readonly topic: string
  readonly belief: TopicBelief
  readonly draft: GroupDraft
  readonly storage: TopicStorage
}

export interface Moves {
  /** Versions of the producers' facts that were stored outside, by id. The group's update removes the facts from the item. */
  readonly movedOut: ReadonlyMap<string, number>
  /** The ranges that must be resolved before their producers can leave the item. */
  readonly open: readonly OpenRange[]
}

/**
 * Stores idle producers outside the item, to make room for the producers that come in with the group (log §6.5). If a producer
 * can't be moved now, the item only gets larger.
 */
export async function moveOut ({ limits, storeTime }: LogContext, { topic, belief, draft, storage }: MoveOptions): Promise<Moves> {
  const movedOut = new Map<string, number>()
  const open: OpenRange[] = []
  const { item } = belief
  const coming = draft.incoming
  if (coming === 0 || item === undefined) return { movedOut, open }
  for (const id of leavingProducers(item.producers, coming, (other) => draft.hasProducer(other), storeTime.now(), limits)) {
    const fact = item.producers.get(id)!
    const record = decodeProducer(fact)
    const outcome = record.riding.length === 0 ? 'void' : belief.outcomeOf(fact.last)
    if (outcome === undefined) {
      open.push({ first: fact.last - record.count + 1, last: fact.last, writer: record.writer, timeS: record.timeS })
      continue
    }
    const outside = { last: fact.last, text: encodeProducer(resolveProducer(record, fact.last, outcome)) }
    const put = await storage.replaceRecord({ kind: 'producer', topic, id }, outside, null, limits.producerTtlMs).catch(() => undefined)
    if (put === 'replaced') movedOut.set(id, fact.last)
  }
  return { movedOut, open }
}
