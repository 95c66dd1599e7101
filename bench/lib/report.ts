import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Machine } from './machine.ts'
import type { Outcome } from './rounds.ts'
import { spread, type Spread } from './statistics.ts'

export interface Table {
  readonly caption?: string
  readonly columns: readonly string[]
  readonly rows: ReadonlyArray<readonly string[]>
  /** Below the table: why a row is empty, for one. */
  readonly remarks?: readonly string[]
}

/** A target and its measured values. */
export interface Figure {
  readonly what: string
  readonly bound: 'at least' | 'at most'
  readonly goal: number
  readonly unit: string
  /** One a round; empty where it could not be measured. */
  readonly values: readonly number[]
}

export interface ScenarioResult {
  /** How it was measured. */
  readonly notes: readonly string[]
  readonly tables: readonly Table[]
  readonly figures: readonly Figure[]
  /** All single results, for the JSON. */
  readonly raw: unknown
}

export type Finished = { readonly name: string, readonly title: string } &
  (ScenarioResult | { readonly skipped: string } | { readonly failed: string })

/** 1234.5 as 1,235 and 0.01234 as 0.0123: three digits that count. */
export function number (value: number): string {
  if (!Number.isFinite(value)) return '–'
  const digits = Math.abs(value) >= 100 || value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 2) })
}

/** The median and, in brackets, the least and the greatest. */
export function show (value: Spread | undefined): string {
  if (value === undefined) return '–'
  return value.rounds === 1 ? number(value.median) : `${number(value.median)} (${number(value.min)}–${number(value.max)})`
}

/** One row for each subject; the reason of a failure is in the remarks below the table. */
export function rowsOf<T> (
  outcomes: ReadonlyMap<{ readonly name: string }, Outcome<T>>, cells: (results: readonly T[]) => readonly string[]
): { rows: string[][], remarks: string[] } {
  const all = [...outcomes]
  return {
    rows: all.map(([{ name }, { results, failure }]) => [name, ...failure === undefined ? cells(results) : ['failed']]),
    remarks: all.flatMap(([{ name }, { failure }]) => failure === undefined
      ? []
      : [`${name} failed: ${failure.replaceAll(/\s+/g, ' ').slice(0, 300)}`])
  }
}

/** All single results, for the JSON. */
export function rawOf<T> (outcomes: ReadonlyMap<{ readonly name: string }, Outcome<T>>): unknown {
  return [...outcomes].map(([{ name }, outcome]) => ({ name, ...outcome }))
}

export function verdict ({
  bound,
  goal,
  values
}: Figure): { readonly measured: Spread | undefined, readonly reached: boolean | undefined } {
  if (values.length === 0) return { measured: undefined, reached: undefined }
  const measured = spread(values)
  return { measured, reached: bound === 'at least' ? measured.median >= goal : measured.median <= goal }
}

export function printMachine (machine: Machine): void {
  console.log('# Benchmark\n')
  const { cpu, cores, memoryGiB, os, node, disk, dataDir, date, commit, loadBefore } = machine
  console.log(`${cpu}, ${cores} cores, ${memoryGiB} GiB; ${os}; Node ${node}; data on ${disk}, in ${dataDir}; ` +
    `${date}; commit ${commit}; load before the run ${loadBefore}.\n`)
  console.log('Values are medians of the rounds, with the minimum and the maximum in brackets.\n')
}

export function printScenario (finished: Finished): void {
  console.log(`\n## ${finished.title} (${finished.name})\n`)
  if ('skipped' in finished) console.log(`SKIPPED: ${finished.skipped}\n`)
  else if ('failed' in finished) console.log(`FAILED: ${finished.failed}\n`)
  else {
    for (const note of finished.notes) console.log(`- ${note}`)
    if (finished.notes.length > 0) console.log('')
    for (const table of finished.tables) printTable(table)
    if (finished.figures.length > 0) printFigures(finished.figures)
  }
}

export function printFigures (figures: readonly Figure[]): void {
  printTable({
    caption: 'Targets',
    columns: ['', 'target', 'measured', ''],
    rows: figures.map((figure) => {
      const { measured, reached } = verdict(figure)
      return [
        figure.what,
        `${figure.bound} ${figure.goal} ${figure.unit}`.trim(),
        show(measured),
        reached === undefined ? 'not measured' : reached ? 'met' : 'MISSED'
      ]
    })
  })
}

/** Markdown that is also readable in a terminal. */
function printTable ({ caption, columns, rows, remarks = [] }: Table): void {
  const widths = columns.map((column, index) => Math.max(3, column.length, ...rows.map((row) => (row[index] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, index) => index === 0 ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!)).join(' | ')} |`
  if (caption !== undefined) console.log(`${caption}\n`)
  console.log(line(columns))
  console.log(`|${widths.map((width, index) => index === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`).join('|')}|`)
  for (const row of rows) console.log(line(row))
  console.log('')
  if (remarks.length > 0) console.log(`${remarks.join('\n')}\n`)
}

export function writeResults (path: string, machine: Machine, options: unknown, scenarios: readonly Finished[]): void {
  mkdirSync(dirname(path), { recursive: true })
  const judged = scenarios.map((scenario) => 'figures' in scenario
    ? { ...scenario, figures: scenario.figures.map((figure) => ({ ...figure, ...verdict(figure) })) }
    : scenario)
  writeFileSync(path, `${JSON.stringify({ machine, options, scenarios: judged }, null, 1)}\n`)
}
