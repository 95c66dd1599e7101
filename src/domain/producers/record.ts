import type { Fact } from '../../ports/topic-store.ts'

/** The most appends of a producer that share one range, and the most appends whose offsets are kept for repeats (PRODUCER_WINDOW). */
export const PRODUCER_WINDOW = 5

/** Offsets `first … last` of one append. */
export interface AppendRange {
  readonly first: number
  readonly last: number
}

/** The place of an append in an open range, relative to the range's last offset, which is not known before the update. */
export interface Rider {
  /** The range's last offset minus the append's. */
  readonly back: number
  /** How many messages the append has. */
  readonly count: number
}

/**
 * The state of a producer (log §6.4): the appends up to seq `base` stand, and the ones after it depend on the newest range.
 * The text of its fact is a JSON array of the members, in this order, with `standing` and `riding` flattened.
 */
export interface ProducerRecord {
  readonly epoch: number
  /** The highest seq that stands; -1 before the first. */
  readonly base: number
  /** When the newest range was reserved, by the store's clock, seconds. */
  readonly timeS: number
  /** The writer of the newest range. */
  readonly writer: string
  /** How many offsets the newest range has. */
  readonly count: number
  /** The newest appends that stand, ascending; the last one has seq `base`. At most PRODUCER_WINDOW. */
  readonly standing: readonly AppendRange[]
  /** The appends from seq `base + 1` on, all in the newest range. Empty once the range is resolved. At most PRODUCER_WINDOW. */
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

/** Notes the record of a fact that was just stored, so that it need not be decoded. */
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
 * The record of a producer that has been written to since, as it may be where nothing above `end` is stored (log §8.3). If the
 * offsets of the last append below are not known any more, appends that may have been stored or not are refused.
 * @param record has no open range
 */
export function cutProducer (record: ProducerRecord, end: number): ProducerRecord {
  const standing = record.standing.filter(({ last }) => last <= end)
  return { ...record, base: record.base - (record.standing.length - standing.length), standing }
}

/**
 * The record after the outcome of its newest range is known. After a lost range, its seqs count as used, but the offsets of all
 * appends so far are forgotten, so that no repeat is answered with them.
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
