import type { Offset } from '../../ports/units.ts'
import type { RetryRun, Run } from './state.ts'

/** Which of the messages to take. */
export type Wanted = (offset: Offset, run: Run) => boolean

/** Parts the runs into the messages that are wanted, and the rest. */
export function partRuns<R extends Run> (runs: readonly R[], wanted: Wanted): { taken: R[], rest: R[] } {
  const taken: R[] = []
  const rest: R[] = []
  for (const run of runs) {
    let from = run.first
    const end = run.first + run.count
    while (from < end) {
      const take = wanted(from, run)
      let to = from + 1
      while (to < end && wanted(to, run) === take) to++
      const part = { ...run, first: from, count: to - from }
      if (take) taken.push(part)
      else rest.push(part)
      from = to
    }
  }
  return { taken, rest }
}

/** The runs in ascending order, joined where they follow each other and are alike. */
export function joinRuns<R extends Run> (runs: Iterable<R>): R[] {
  const joined: R[] = []
  for (const run of [...runs].sort((a, b) => a.first - b.first)) {
    const last = joined.at(-1)
    if (last !== undefined && last.first + last.count === run.first && areAlike(last, run)) {
      joined[joined.length - 1] = { ...last, count: last.count + run.count }
    } else joined.push(run)
  }
  return joined
}

function areAlike (one: Run, other: Run): boolean {
  return one.attempt === other.attempt && one.expired === other.expired && one.bucket === other.bucket &&
    (one as Partial<RetryRun>).notBefore === (other as Partial<RetryRun>).notBefore
}

export function * offsetsOf (runs: Iterable<Run>): Generator<Offset> {
  for (const { first, count } of runs) for (let i = 0; i < count; i++) yield first + i
}
