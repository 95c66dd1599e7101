import type { GroupItem } from '../../ports/group-store.ts'
import type { RecordName } from '../../ports/record-store.ts'
import type { ProducerRecord } from '../producers/record.ts'
import { decodeState, encodeState } from './codec.ts'
import { decodeGroupConfig, encodeGroupConfig } from './config.ts'
import { withCommitted } from './state.ts'

const PRODUCER_BYTES = 16

/** The producer that appends the group's dead letters; `undefined` if it has none. @throws Error if the config can't be read */
export function letterProducerOf (item: GroupItem): RecordName & { readonly kind: 'producer' } | undefined {
  const { deadLetterTopic: topic, deadLetterProducer: id } = decodeGroupConfig(item.config)
  return topic === null ? undefined : { kind: 'producer', topic, id }
}

/**
 * The group, if the dead-letter topic was copied later, and has letters of which the group does not know (log §8.3). The group's
 * next batches would have their numbers, and pass for written. So it gets another producer, which begins to count anew.
 * @param record of the producer in the copied dead-letter topic, without an open range
 * @returns `undefined` if the group can stay as it is
 * @throws Error if the item can't be read
 */
export function lettersOfCopy (
  item: GroupItem, record: ProducerRecord | undefined, randomHex: (bytes: number) => string
): GroupItem | undefined {
  const state = decodeState(item.state)
  const { dead, deadSeq } = state
  const base = record?.base ?? -1
  // The seq of a batch is its number - 1.
  if (base < deadSeq - dead.length) return undefined
  const knowsItsLast = record !== undefined && record.standing.length > 0
  // Batches up to `base` are answered as repeats, and confirmed.
  if (knowsItsLast && base < deadSeq) return undefined
  const left = knowsItsLast ? [] : dead
  const config = { ...decodeGroupConfig(item.config), deadLetterProducer: randomHex(PRODUCER_BYTES) }
  return {
    gen: item.gen,
    rev: item.rev + 1,
    by: randomHex(PRODUCER_BYTES),
    config: encodeGroupConfig(config),
    state: encodeState(withCommitted({ ...state, dead: left, deadSeq: left.length, movedUntil: 0 }))
  }
}
