import type { Fact } from '../../ports/topic-store.ts'

/** The most seqs of a producer that ride on one range, and the most answers that are kept for repeats (PRODUCER_WINDOW). */
export const PRODUCER_WINDOW = 5

/** Offsets `first … last` of one append. */
export interface AppendRange {
  readonly first: number
  readonly last: number
}

/** An append that rides on a range, told by its distance from the range's last offset, which is not known in advance. */
export interface Rider {
  /** The range's last offset minus the append's. */
  readonly back: number
  /** Messages of the append. */
  readonly count: number
}

/**
 * What is known of a producer (log §6.4). Seqs up to `base` stand; those that ride on the newest range follow.
 * The text of its fact is a JSON array of the members, in this order; `standing` and `riding` are flattened.
 */
export interface ProducerRecord {
  readonly epoch: number
  /** The highest seq that stands; -1 before the first. */
  readonly base: number
  /** When the newest range was reserved, in seconds, as told by the store. */
  readonly timeS: number
  /** The writer of the newest range, and its length. */
  readonly writer: string
  readonly count: number
  /** The newest appends that stand, ascending; the last one is `base`. At most PRODUCER_WINDOW. */
  readonly standing: readonly AppendRange[]
  /** The seqs from `base + 1` on, all of the newest range. None once that is resolved. At most PRODUCER_WINDOW. */
  readonly riding: readonly Rider[]
}

export function encodeProducer ({ epoch, base, timeS, writer, count, standing, riding }: ProducerRecord): string {
  return JSON.stringify([
    epoch, base, timeS, writer, count,
    standing.flatMap(({ first, last }) => [first, last - first + 1]),
    riding.flatMap((rider) => [rider.back, rider.count])
  ])
}

const decoded = new WeakMap<Fact, ProducerRecord>()

/**
 * The record of a fact, decoded once.
 * @throws Error if the text was not made by `encodeProducer`: then another program has changed the item
 */
export function decodeProducer (fact: Fact): ProducerRecord {
  let record = decoded.get(fact)
  if (record === undefined) {
    record = decode(fact.text)
    decoded.set(fact, record)
  }
  return record
}

/** Saves the decoding of a fact that was just stored. */
export function rememberDecoded (fact: Fact, record: ProducerRecord): void {
  decoded.set(fact, record)
}

type Members = [epoch: number, base: number, timeS: number, writer: string, count: number, standing: number[], riding: number[]]

function decode (text: string): ProducerRecord {
  const [epoch, base, timeS, writer, count, standing, riding] = JSON.parse(text) as Members
  return {
    epoch,
    base,
    timeS,
    writer,
    count,
    standing: pairs(standing).map(([first, length]) => ({ first, last: first + length - 1 })),
    riding: pairs(riding).map(([back, length]) => ({ back, count: length }))
  }
}

function pairs (flat: readonly number[]): Array<[number, number]> {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!])
}

/**
 * The record once it is known what became of its newest range. A lost range counts as standing, but its offsets, and with
 * them those of older seqs, are told to nobody.
 * @param last the record's version
 */
export function resolveProducer (record: ProducerRecord, last: number, outcome: 'stands' | 'void' | 'lost'): ProducerRecord {
  const { base, standing, riding } = record
  if (riding.length === 0) return record
  if (outcome === 'void') return { ...record, riding: [] }
  if (outcome === 'lost') return { ...record, base: base + riding.length, standing: [], riding: [] }
  const ranges = riding.map(({ back, count }) => ({ first: last - back - count + 1, last: last - back }))
  return { ...record, base: base + riding.length, standing: [...standing, ...ranges].slice(-PRODUCER_WINDOW), riding: [] }
}
