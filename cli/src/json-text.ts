/*
 * Parts of JSON text, as they are written: numbers keep all their digits. The text is known to be valid JSON.
 */

/** Steps from a value to one within it: names of members, and indexes from 0. */
export type Path = ReadonlyArray<string | number>

/** The text of the value at a path; `undefined` if there is none. */
export function textAt (text: string, path: Path): string | undefined {
  let value: string | undefined = text.trim()
  for (const step of path) {
    if (value === undefined) return undefined
    value = typeof step === 'string' ? membersOf(value)?.get(step) : elementAt(value, step)
  }
  return value
}

/** The members of an object, with the text of their values; `undefined` if it is none. Of members with one name the last counts. */
export function membersOf (text: string): Map<string, string> | undefined {
  let at = afterSpace(text, 0)
  if (text[at] !== '{') return undefined
  const members = new Map<string, string>()
  at = afterSpace(text, at + 1)
  while (text[at] === '"') {
    const nameEnd = endOfString(text, at)
    const name = JSON.parse(text.slice(at, nameEnd)) as string
    const start = afterSpace(text, afterSpace(text, nameEnd) + 1)
    const end = endOfValue(text, start)
    members.set(name, text.slice(start, end))
    at = afterSpace(text, end)
    if (text[at] === ',') at = afterSpace(text, at + 1)
  }
  return members
}

function elementAt (text: string, index: number): string | undefined {
  let at = afterSpace(text, 0)
  if (text[at] !== '[') return undefined
  at = afterSpace(text, at + 1)
  for (let position = 0; text[at] !== ']'; position++) {
    const end = endOfValue(text, at)
    if (position === index) return text.slice(at, end)
    at = afterSpace(text, end)
    if (text[at] === ',') at = afterSpace(text, at + 1)
  }
  return undefined
}

function afterSpace (text: string, at: number): number {
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at++
  return at
}

/** @returns the index after the closing quote */
function endOfString (text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfValue (text: string, start: number): number {
  const first = text[start]
  if (first === '"') return endOfString(text, start)
  let at = start
  if (first !== '{' && first !== '[') {
    while (at < text.length && !', \t\r\n}]'.includes(text[at]!)) at++
    return at
  }
  let depth = 0
  for (;;) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at)
        continue
      case '{': case '[':
        depth++
        break
      case '}': case ']':
        depth--
        break
    }
    at++
    if (depth === 0) return at
  }
}

/** `.payload.items[0].name`, `.headers["content-type"]`. @returns `undefined` if it is no path */
export function pathOf (text: string): Path | undefined {
  const path: Array<string | number> = []
  let rest = text === '.' ? '' : text.startsWith('.') || text.startsWith('[') ? text : `.${text}`
  while (rest !== '') {
    const [whole, name, index, quoted] = /^(?:\.([\p{L}_$][\p{L}\p{N}_$-]*)|\.?\[(\d+)\]|\.?\[("(?:[^"\\]|\\.)*")\])/u.exec(rest) ?? []
    if (whole === undefined) return undefined
    path.push(name ?? (index === undefined ? JSON.parse(quoted!) as string : Number(index)))
    rest = rest.slice(whole.length)
  }
  return path
}
