/**
 * The raw text of each member of a JSON object, found without building the values: what a client sent comes back
 * exactly as it was sent, numbers beyond 2^53 and key order included (log §2.3).
 */
export interface RawMember {
  /** The member's name, unescaped. */
  readonly name: string
  /** The value's text, without white space around it. */
  readonly raw: string
}

/**
 * The members of the object that `text` holds, in order, doubles included; `undefined` if it holds another kind of value.
 * @param text valid JSON (`JSON.parse` took it): this only finds boundaries, it does not check
 */
export function rawMembers (text: string): RawMember[] | undefined {
  let at = skipSpace(text, 0)
  if (text.charCodeAt(at) !== OPEN_BRACE) return undefined
  at = skipSpace(text, at + 1)
  const members: RawMember[] = []
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    const nameEnd = endOfString(text, at)
    const name = JSON.parse(text.slice(at, nameEnd)) as string
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const end = endOfValue(text, start)
    members.push({ name, raw: text.slice(start, end) })
    at = skipSpace(text, end)
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
  }
  return members
}

/**
 * Valid JSON on one line. Line ends can only be white space between tokens there (inside a string they are escaped),
 * so a space in their place changes no value.
 */
export function onOneLine (json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]/g, ' ') : json
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

function skipSpace (text: string, at: number): number {
  for (;;) {
    const c = text.charCodeAt(at)
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return at
    at++
  }
}

/** @param at where the opening quote is; @returns the position behind the closing one */
function endOfString (text: string, at: number): number {
  let close = at
  for (;;) {
    close = text.indexOf('"', close + 1)
    let slashes = 0
    while (text.charCodeAt(close - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return close + 1
  }
}

function endOfValue (text: string, at: number): number {
  let depth = 0
  for (;;) {
    const c = text.charCodeAt(at)
    if (c === QUOTE) {
      at = endOfString(text, at)
      if (depth === 0) return at
      continue
    }
    if (c === OPEN_BRACE || c === OPEN_BRACKET) depth++
    else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (depth === 0 && (c === COMMA || c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09 || Number.isNaN(c))) return at
    at++
  }
}
