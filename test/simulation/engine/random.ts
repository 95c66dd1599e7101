/**
 * Seeded randomness in named streams: what one stream draws never shifts another, so that taking a fault out of a
 * failing run (shrinking) leaves the rest of the run alone.
 */
export class Random {
  #state: number

  constructor (...names: Array<string | number>) {
    this.#state = hash(names.join('/'))
  }

  /** [0, 1). mulberry32. */
  next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from `low` to `high`, both included. */
  int (low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance (probability: number): boolean {
    return this.next() < probability
  }

  pick<T> (items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!
  }

  /** Positive with a heavy tail: mostly near `typical`, now and then a hundred times that (Pareto, alpha 1.3). */
  heavyTail (typical: number): number {
    return Math.min(typical * 200, typical * 0.5 * (1 - this.next()) ** (-1 / 1.3))
  }
}

/** FNV-1a, finished with murmur3's mixer so that neighbouring seeds have nothing in common. */
function hash (text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}
