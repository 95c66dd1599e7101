/** The middle of several rounds, and how far they lie apart. */
export interface Spread { readonly median: number, readonly min: number, readonly max: number, readonly rounds: number }

export function spread (values: readonly number[]): Spread {
  // A round in which nothing came has no percentiles.
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, rounds: sorted.length }
}

/** The value that the share `p` of all values does not exceed (nearest rank). Sorts in place. */
export function percentiles (values: Float64Array, ...ps: number[]): number[] {
  values.sort()
  return ps.map((p) => values[Math.min(values.length - 1, Math.max(0, Math.ceil(values.length * p) - 1))] ?? NaN)
}

/** Numbers that are added one by one, many millions of them if need be, without a box for each. */
export class Samples {
  #values = new Float64Array(1 << 14)
  length = 0

  add (value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Float64Array(this.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.length++] = value
  }

  percentiles (...ps: number[]): number[] {
    return percentiles(this.#values.slice(0, this.length), ...ps)
  }
}

/** The median of each value. @param results of one form, with numbers only; at least one */
export function middleOf<T extends { readonly [Name in keyof T]: number }> (results: readonly T[]): T {
  const names = Object.keys(results[0]!) as Array<keyof T>
  return Object.fromEntries(names.map((name) => [name, spread(results.map((result) => result[name])).median])) as T
}
