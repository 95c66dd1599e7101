import type { Fact } from '../../ports/topic-store.ts'
import { decodeProducer } from './record.ts'

export interface InlineLimits {
  readonly inlineRecordsBytes: number
  readonly inlineRecordsMax: number
  readonly producerIdleMs: number
}

/**
 * The producers that leave the item when others come in (log §6.5). None leaves as long as the item keeps within
 * `inlineRecordsMax` and the records within `inlineRecordsBytes`. Otherwise the oldest leave, by version: the excess over
 * `inlineRecordsMax`, and those that are idle among as many as come in.
 * @param inside the producers in the item, by id
 * @param coming how many producers come in
 * @param stays whether a producer must stay, because it is in the update
 * @param nowMs the store's time, ms since epoch
 */
export function leavingProducers (
  inside: ReadonlyMap<string, Fact>, coming: number, stays: (id: string) => boolean, nowMs: number, limits: InlineLimits
): string[] {
  let bytes = 0
  for (const [id, { text }] of inside) bytes += 2 * id.length + text.length
  const excess = inside.size + coming - limits.inlineRecordsMax
  if (coming === 0 || (bytes <= limits.inlineRecordsBytes && excess <= 0)) return []
  const oldestFirst = [...inside].filter(([id]) => !stays(id)).sort(([, a], [, b]) => a.last - b.last)
  return oldestFirst
    .filter(([, fact], i) => i < excess || (i < coming && nowMs - decodeProducer(fact).timeS * 1_000 > limits.producerIdleMs))
    .map(([id]) => id)
}
