import type { NewMessage } from '../../clients/typescript/src/index.ts'
import { CommandError } from './failures.ts'
import { membersOf, type Path, textAt } from './json-text.ts'

/** How a line, or an argument, becomes a message. */
export interface LineFormat {
  /** `json`: the line is the payload. `text`: it is a string. `messages`: it has payload, key and headers, as `consume --json` writes. */
  readonly lines: 'json' | 'text' | 'messages'
  readonly key?: string | undefined
  /** Where in the payload the key is. */
  readonly keyPath?: Path | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The message of a line, its payload as JSON text. `undefined` for an empty line. @throws CommandError */
export function messageOf (line: string, place: string, format: LineFormat): NewMessage<string> | undefined {
  if (format.lines === 'text') return { payload: JSON.stringify(line), key: format.key, headers: format.headers }
  if (line.trim() === '') return undefined
  const value = parsed(line, place, format.lines)
  if (format.lines === 'messages') return ofMessage(line, value, place, format)
  const { keyPath, headers } = format
  return { payload: line, key: keyPath === undefined ? format.key : keyAt(line, keyPath, place), headers }
}

function parsed (line: string, place: string, lines: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    const shown = line.length > 60 ? `${line.slice(0, 60)}…` : line
    throw new CommandError(`${place}: expected JSON, got ${shown}`, {
      exit: 'usage',
      code: 'malformed_json',
      hint: lines === 'json' ? 'add --text to send it as a text' : undefined
    })
  }
}

function ofMessage (line: string, value: unknown, place: string, format: LineFormat): NewMessage<string> {
  const payload = membersOf(line)?.get('payload')
  const wrong = (what: string): CommandError => new CommandError(`${place}: ${what}`, { exit: 'usage', code: 'invalid_message' })
  if (payload === undefined) throw wrong('payload: expected a JSON value, it is missing')
  const { key, headers, ...others } = value as Record<string, unknown>
  const unknown = Object.keys(others).find((name) => !['payload', 'offset', 'timestamp'].includes(name))
  if (unknown !== undefined) throw wrong(`${unknown}: expected payload, key and headers only`)
  if (key !== undefined && typeof key !== 'string') throw wrong(`key: expected a string, got ${JSON.stringify(key)}`)
  if (headers !== undefined && !isHeaders(headers)) throw wrong(`headers: expected an object of strings, got ${JSON.stringify(headers)}`)
  return { payload, key: key ?? format.key, headers: format.headers === undefined ? headers : { ...format.headers, ...headers } }
}

function isHeaders (value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((header) => typeof header === 'string')
}

/** A string as it is, another value as its JSON. */
function keyAt (payload: string, path: Path, place: string): string {
  const text = textAt(payload, path)
  if (text === undefined || text === 'null') {
    throw new CommandError(`${place}: ${path.join('.')}: expected a value for the key, it is missing`, {
      exit: 'usage', code: 'invalid_message'
    })
  }
  return text.startsWith('"') ? JSON.parse(text) as string : text
}
