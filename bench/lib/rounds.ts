import { spread, type Spread } from './statistics.ts'

/** What a subject gave in the rounds, or why it gave nothing. */
export interface Outcome<T> { readonly results: T[], failure: string | undefined }

/**
 * A B C A B C …: what changes on the machine in the meantime hits all subjects alike. One that fails is left out of the
 * remaining rounds, and the report says why.
 */
export async function interleaved<S extends { readonly name: string }, T> (
  rounds: number, subjects: readonly S[], measure: (subject: S, round: number) => Promise<T>
): Promise<Map<S, Outcome<T>>> {
  const outcomes = new Map<S, Outcome<T>>(subjects.map((subject) => [subject, { results: [], failure: undefined }]))
  for (let round = 0; round < rounds; round++) {
    for (const [subject, outcome] of outcomes) {
      if (outcome.failure !== undefined) continue
      process.stderr.write(`  round ${round + 1} of ${rounds}: ${subject.name}\n`)
      try {
        outcome.results.push(await measure(subject, round))
      } catch (error) {
        outcome.failure = error instanceof Error ? error.message : String(error)
        process.stderr.write(`  ${subject.name} failed: ${outcome.failure}\n`)
      }
    }
  }
  return outcomes
}

/** One property of all results. */
export function over<T> (results: readonly T[], value: (result: T) => number): Spread | undefined {
  return results.length === 0 ? undefined : spread(results.map(value))
}

/** The ratio of two subjects round by round: both halves of each were measured within the same minute. */
export function ratios<T> (of: Outcome<T> | undefined, to: Outcome<T> | undefined, value: (result: T) => number): number[] {
  if (of === undefined || to === undefined || of.failure !== undefined || to.failure !== undefined) return []
  return of.results.map((result, round) => value(result) / value(to.results[round]!))
}
