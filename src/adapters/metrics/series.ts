import type { Metric } from '../../ports/metrics.ts'

/** A number that is reported with these values of its metric's labels. */
export class Series {
  readonly labels: readonly string[]
  value = 0

  constructor (labels: readonly string[]) {
    this.labels = labels
  }

  /** Sets the number to `left`. @returns what it was */
  take (left = 0): number {
    const { value } = this
    this.value = left
    return value
  }
}

/** Observed values, counted by the smallest upper bound that is not below them. */
export class HistogramSeries {
  readonly labels: readonly string[]
  readonly bounds: readonly number[]
  /** One for each bound, and one for the values above all bounds. Not cumulative. */
  readonly counts: number[]
  count = 0
  sum = 0
  readonly sample: Sample | undefined

  /** @param sample gets the values, too */
  constructor (labels: readonly string[], bounds: readonly number[], sample?: Sample) {
    this.labels = labels
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
    this.sample = sample
  }

  observe (value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    this.counts[at]!++
    this.count++
    this.sum += value
    this.sample?.add(value)
  }
}

/** At most `max` of the values, evenly spread over them: each second one is dropped when there are too many, and so on. */
export class Sample {
  values: number[] = []
  readonly #max: number
  #stride = 1
  #skip = 0

  constructor (max: number) {
    this.#max = max
  }

  add (value: number): void {
    if (this.#skip-- > 0) return
    if (this.values.length === this.#max) {
      this.values = this.values.filter((_, i) => i % 2 === 0)
      this.#stride *= 2
    }
    this.values.push(value)
    this.#skip = this.#stride - 1
  }

  /** Begins anew. @returns the values so far */
  take (): number[] {
    const { values } = this
    this.values = []
    this.#stride = 1
    this.#skip = 0
    return values
  }
}

/** All series of a metric. */
export class Family<S> {
  readonly metric: Metric
  readonly #series = new Map<string, S>()
  readonly #make: (labels: readonly string[]) => S

  constructor (metric: Metric, make: (labels: readonly string[]) => S) {
    this.metric = metric
    this.#make = make
  }

  get all (): Iterable<S> { return this.#series.values() }

  /** The series with these labels, which is made if there is none. Callers keep it: finding it costs as much as ten counts. */
  at (...labels: readonly string[]): S {
    const key = labels.join('\n')
    let series = this.#series.get(key)
    if (series === undefined) {
      series = this.#make(labels)
      this.#series.set(key, series)
    }
    return series
  }
}
