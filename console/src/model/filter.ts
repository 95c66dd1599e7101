/** Which messages are shown. */
import type { Row } from './message-window.ts'

export type Filter = (row: Row) => boolean

export interface ParsedFilter {
  /** `undefined`: everything passes. */
  readonly filter: Filter | undefined
  /** What could not be understood. */
  readonly problem: string | undefined
}

/** The parts of a term: `place operator value`. A place is `key`, `offset`, `header.NAME` or a path such as `.item.tags[0]`. */
const term = /^(key|offset|header\.[^=~<>!]+|[.$][^=~<>!]*)(!=|>=|<=|=|~|<|>)(.*)$/s

/**
 * Terms with spaces between, all of which must hold. Quotes keep spaces together: `"two words"`, `.name="Ada Lovelace"`.
 * Anything that is no term is text, which is looked for in payload, key and headers, in upper and lower case alike.
 */
export function parseFilter (text: string): ParsedFilter {
  const filters: Filter[] = []
  for (const word of words(text)) {
    const [, place, operator, value] = term.exec(word) ?? []
    if (place === undefined) {
      filters.push(textFilter(unquoted(word)))
      continue
    }
    const compare = comparison(operator!, unquoted(value!))
    if (place === 'key') filters.push(({ key }) => compare(key))
    else if (place === 'offset') filters.push(({ offset }) => compare(offset))
    else if (place.startsWith('header.')) {
      const name = place.slice('header.'.length)
      filters.push(({ headers }) => compare(headers !== undefined && Object.hasOwn(headers, name) ? headers[name] : undefined))
    } else {
      const path = parsePath(place)
      if (path === undefined) return { filter: undefined, problem: `${place}: expected a path such as .item.tags[0]` }
      filters.push(({ payload }) => compare(valueAt(payload, path)))
    }
  }
  return {
    filter: filters.length === 0 ? undefined : (row) => filters.every((one) => one(row)),
    problem: undefined
  }
}

function words (text: string): string[] {
  return text.match(/(?:"(?:\\.|[^"\\])*"?|\S)+/g) ?? []
}

function unquoted (text: string): string {
  return text.replace(/"((?:\\.|[^"\\])*)"?/g, (_quoted, inner: string) => inner.replace(/\\(.)/g, '$1'))
}

function textFilter (text: string): Filter {
  const wanted = text.toLowerCase()
  return ({ payload, key, headers }) => payload.toLowerCase().includes(wanted) || key?.toLowerCase().includes(wanted) === true ||
    (headers !== undefined && Object.entries(headers).some((pair) => pair.some((one) => one.toLowerCase().includes(wanted))))
}

/** @param wanted as it was typed; numbers are compared as numbers if both sides are */
function comparison (operator: string, wanted: string): (value: unknown) => boolean {
  const number = wanted.trim() === '' ? NaN : Number(wanted)
  const lower = wanted.toLowerCase()
  const equal = (value: unknown): boolean => value !== undefined && (textOf(value) === wanted || value === number)
  switch (operator) {
    case '=': return equal
    case '!=': return (value) => !equal(value)
    case '~': return (value) => value !== undefined && textOf(value).toLowerCase().includes(lower)
    default: return (value) => {
      if (value === undefined) return false
      const order = typeof value === 'number' && !Number.isNaN(number) ? value - number : compareTexts(textOf(value), wanted)
      if (operator === '<') return order < 0
      if (operator === '>') return order > 0
      return operator === '<=' ? order <= 0 : order >= 0
    }
  }
}

function compareTexts (one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

function textOf (value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** `.a.b[0]`, also with a `$` before, and `["any name"]`. */
function parsePath (text: string): ReadonlyArray<string | number> | undefined {
  const steps: Array<string | number> = []
  const step = /\.([^.[\]]+)|\[(\d+)\]|\["((?:\\.|[^"\\])*)"\]/y
  step.lastIndex = text.startsWith('$') ? 1 : 0
  while (step.lastIndex < text.length) {
    if (steps.length === 0 && text.slice(step.lastIndex) === '.') return []
    const found = step.exec(text)
    if (found === null) return undefined
    steps.push(found[2] === undefined ? found[1] ?? found[3]! : Number(found[2]))
  }
  return steps
}

function valueAt (payload: string, path: ReadonlyArray<string | number>): unknown {
  let value: unknown = JSON.parse(payload)
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}
