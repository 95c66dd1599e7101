/** Prometheus' text format, as `/metrics` has it. */

export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The series of each metric, by its name. */
export type Metrics = ReadonlyMap<string, readonly Series[]>

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const label = /(\w+)="((?:\\.|[^"\\])*)"/g

export function parseMetrics (text: string): Metrics {
  const metrics = new Map<string, Series[]>()
  for (const row of text.split('\n')) {
    if (row === '' || row.startsWith('#')) continue
    const [, name, labels = '', value] = line.exec(row) ?? []
    if (name === undefined) continue
    const found = metrics.get(name) ?? []
    if (found.length === 0) metrics.set(name, found)
    found.push({
      labels: Object.fromEntries([...labels.matchAll(label)].map(([, name, text]) => {
        return [name!, text!.replace(/\\(.)/g, (_escape, character: string) => character === 'n' ? '\n' : character)]
      })),
      value: value === '+Inf' ? Infinity : Number(value)
    })
  }
  return metrics
}

type Labels = Readonly<Record<string, string>>

/** The sum of all series that have these labels. */
export function total (metrics: Metrics, name: string, labels: Labels = {}): number {
  const wanted = Object.entries(labels)
  let sum = 0
  for (const { labels: found, value } of metrics.get(name) ?? []) if (wanted.every(([name, text]) => found[name] === text)) sum += value
  return sum
}

/** How much each value of a label has grown. A counter that is smaller than before has begun anew. */
export function growthBy (before: Metrics, now: Metrics, name: string, label: string): Map<string, number> {
  const growth = new Map<string, number>()
  const old = new Map<string, number>()
  for (const { labels, value } of before.get(name) ?? []) old.set(labels[label] ?? '', (old.get(labels[label] ?? '') ?? 0) + value)
  for (const { labels, value } of now.get(name) ?? []) growth.set(labels[label] ?? '', (growth.get(labels[label] ?? '') ?? 0) + value)
  for (const [key, value] of growth) growth.set(key, Math.max(0, value - (old.get(key) ?? 0)))
  return growth
}

/** How much a counter has grown. */
export function growth (before: Metrics, now: Metrics, name: string, labels: Labels = {}): number {
  return Math.max(0, total(now, name, labels) - total(before, name, labels))
}

/**
 * A quantile of what a histogram has counted between, in its unit, by linear interpolation within a bucket as Prometheus does it.
 * @returns `undefined` if nothing was counted
 */
export function quantile (before: Metrics, now: Metrics, name: string, q: number): number | undefined {
  const buckets = [...growthBy(before, now, `${name}_bucket`, 'le')]
    .map(([bound, count]) => ({ bound: bound === '+Inf' ? Infinity : Number(bound), count }))
    .sort((one, other) => one.bound - other.bound)
  const all = buckets.at(-1)?.count ?? 0
  if (all === 0) return undefined
  const at = buckets.findIndex(({ count }) => count >= q * all)
  const { bound, count } = buckets[at]!
  const below = buckets[at - 1] ?? { bound: 0, count: 0 }
  if (bound === Infinity) return below.bound
  return below.bound + (bound - below.bound) * (q * all - below.count) / (count - below.count)
}
