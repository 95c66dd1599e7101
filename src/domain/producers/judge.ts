import type { AppendRange, ProducerRecord } from './record.ts'

/** Who appends, and the how manieth time. Whole numbers from 0. */
export interface ProducerAppend {
  readonly id: string
  readonly epoch: number
  readonly seq: number
}

export type Verdict =
  /** A producer with this id has begun a higher epoch. */
  | { readonly kind: 'fenced', readonly epoch: number }
  /** It stands already, at these offsets. */
  | { readonly kind: 'repeat', readonly range: AppendRange }
  /** It was written, so long ago that its offsets are not known any more. */
  | { readonly kind: 'old' }
  /** The producer's newest range must be resolved first (log §6.3). */
  | { readonly kind: 'unresolved' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'gap', readonly expectedSeq: number }

/**
 * Judges an append of a producer (log §6.4, in its order).
 * @param record what is known; `undefined`: there is no record
 */
export function judgeProducer (record: ProducerRecord | undefined, { epoch, seq }: ProducerAppend): Verdict {
  if (record === undefined) return firstOfEpoch(seq)
  if (epoch < record.epoch) return { kind: 'fenced', epoch: record.epoch }
  if (epoch > record.epoch) return record.riding.length > 0 ? { kind: 'unresolved' } : firstOfEpoch(seq)
  if (seq <= record.base) return repeatOf(record, seq)
  if (record.riding.length > 0) return { kind: 'unresolved' }
  return seq === record.base + 1 ? { kind: 'accepted' } : { kind: 'gap', expectedSeq: record.base + 1 }
}

/** What an older epoch wrote last may be unknown to its heir, so a new one begins at 0. */
function firstOfEpoch (seq: number): Verdict {
  return seq === 0 ? { kind: 'accepted' } : { kind: 'gap', expectedSeq: 0 }
}

function repeatOf ({ base, standing }: ProducerRecord, seq: number): Verdict {
  const range = standing[standing.length - 1 - (base - seq)]
  return range === undefined ? { kind: 'old' } : { kind: 'repeat', range }
}
