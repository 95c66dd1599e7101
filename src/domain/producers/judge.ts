import type { AppendRange, ProducerRecord } from './record.ts'

/** The producer of an append, and the append's number. `epoch` and `seq` are whole numbers from 0. */
export interface ProducerAppend {
  readonly id: string
  readonly epoch: number
  readonly seq: number
}

export type Verdict =
  /** A producer with this id has begun a higher epoch. */
  | { readonly kind: 'fenced', readonly epoch: number }
  /** An earlier copy of the append is stored at these offsets. */
  | { readonly kind: 'repeat', readonly range: AppendRange }
  /** An append with this seq was written, but its offsets are not known any more. */
  | { readonly kind: 'old' }
  /** The producer's newest range must be resolved first (log §6.3). */
  | { readonly kind: 'unresolved' }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'gap', readonly expectedSeq: number }

/**
 * Judges an append of a producer (log §6.4, in its order).
 * @param record the producer's; `undefined` if it has none
 */
export function judgeProducer (record: ProducerRecord | undefined, { epoch, seq }: ProducerAppend): Verdict {
  if (record === undefined) return firstOfEpoch(seq)
  if (epoch < record.epoch) return { kind: 'fenced', epoch: record.epoch }
  if (epoch > record.epoch) return record.riding.length > 0 ? { kind: 'unresolved' } : firstOfEpoch(seq)
  if (seq <= record.base) return repeatOf(record, seq)
  if (record.riding.length > 0) return { kind: 'unresolved' }
  return seq === record.base + 1 ? { kind: 'accepted' } : { kind: 'gap', expectedSeq: record.base + 1 }
}

/** Each epoch begins at seq 0, because a new instance may not know the last seq of the one before. */
function firstOfEpoch (seq: number): Verdict {
  return seq === 0 ? { kind: 'accepted' } : { kind: 'gap', expectedSeq: 0 }
}

function repeatOf ({ base, standing }: ProducerRecord, seq: number): Verdict {
  const range = standing[standing.length - 1 - (base - seq)]
  return range === undefined ? { kind: 'old' } : { kind: 'repeat', range }
}
