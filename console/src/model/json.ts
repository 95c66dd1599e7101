/** JSON for people to read: numbers keep all their digits. */

/** A number whose text says more than the platform's numbers can hold, such as 9007199254740993 or 1.10. */
export class ExactNumber {
  readonly text: string
  constructor (text: string) { this.text = text }
}

export type Json = null | boolean | number | string | ExactNumber | Json[] | { [name: string]: Json }

type Reviver = (name: string, value: unknown, context?: { readonly source?: string }) => unknown

/** @throws SyntaxError */
export function parseJson (text: string): Json {
  const exact: Reviver = (_name, value, context) => {
    const source = context?.source
    return typeof value === 'number' && source !== undefined && String(value) !== source ? new ExactNumber(source) : value
  }
  return JSON.parse(text, exact) as Json
}

/** With two spaces for each level. @throws SyntaxError */
export function prettyJson (text: string): string {
  return write(parseJson(text), '\n', ': ')
}

/** On one line, without spaces. @throws SyntaxError */
export function compactJson (text: string): string {
  return write(parseJson(text), '', ':')
}

/** @param line a line break with the indentation, or nothing */
function write (value: Json, line: string, colon: string): string {
  if (value instanceof ExactNumber) return value.text
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = line === '' ? '' : `${line}  `
  const isList = Array.isArray(value)
  const parts = isList
    ? value.map((item) => inner + write(item, inner, colon))
    : Object.entries(value).map(([name, item]) => `${inner}${JSON.stringify(name)}${colon}${write(item, inner, colon)}`)
  const [open, close] = isList ? ['[', ']'] : ['{', '}']
  return parts.length === 0 ? open + close : `${open}${parts.join(',')}${line}${close}`
}

/** Why a text is no JSON, with line and column; `undefined` if it is. Browsers tell the place in some cases only. */
export function jsonProblem (text: string): string | undefined {
  if (text.trim() === '') return 'expected a JSON value, got nothing'
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    const found = findProblem(text)
    // They would have to disagree on what JSON is.
    if (found === undefined) return (error as Error).message
    const before = text.slice(0, found.at).split('\n')
    const got = found.at >= text.length ? 'the end' : JSON.stringify(String.fromCodePoint(text.codePointAt(found.at)!))
    return `line ${before.length}, column ${before.at(-1)!.length + 1}: expected ${found.expected}, got ${got}`
  }
}

const value = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const name = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y
const space = /[ \t\n\r]*/y

/** The first place at which a text stops to be JSON, and what could stand there. */
function findProblem (text: string): { readonly at: number, readonly expected: string } | undefined {
  let at = 0
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.test(text)
    if (found) at = pattern.lastIndex
    return found
  }
  const sign = (wanted: string): boolean => {
    skip(space)
    if (text[at] !== wanted) return false
    at++
    return true
  }
  const open: string[] = []
  for (;;) {
    let isComplete = false
    if (sign('{')) {
      if (sign('}')) isComplete = true
      else open.push('}')
    } else if (sign('[')) {
      if (sign(']')) isComplete = true
      else open.push(']')
    } else if (skip(value)) isComplete = true
    else return { at, expected: 'a value' }
    // After a value: the ends of what it closes, and then a comma.
    while (isComplete) {
      const close = open.at(-1)
      if (close === undefined) {
        skip(space)
        return at === text.length ? undefined : { at, expected: 'the end' }
      }
      if (sign(close)) open.pop()
      else if (sign(',')) isComplete = false
      else return { at, expected: `"," or "${close}"` }
    }
    if (open.at(-1) !== '}') continue
    skip(space)
    if (!skip(name)) return { at, expected: 'a name in double quotes' }
    if (!sign(':')) return { at, expected: '":"' }
    skip(space)
  }
}
