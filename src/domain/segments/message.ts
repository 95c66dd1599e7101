import type { Offset } from '../../ports/units.ts'
import { codeUnits, JsonScanner, onOneLine, parseValue } from './json-scanner.ts'

/** A message to append. Payload and headers are JSON text that is never parsed again. */
export interface NewMessage {
  /** Valid JSON text of any value. */
  readonly payload: string
  readonly key?: string | undefined
  /** Valid JSON text of an object of strings, on one line. It is text because the object would take several times the memory. */
  readonly headers?: string | undefined
}

/**
 * Encodes a message in its stored form, which is also its wire form (log §2.1, §2.3), on one line:
 *
 *     {"offset":N,"payload":JSON,"timestamp":MS[,"key":STRING][,"headers":{STRING:STRING,…}]}
 */
export function encodeMessage (message: NewMessage, offset: Offset, timestamp: string): string {
  return beforePayload(offset) + onOneLine(message.payload) + afterPayload(message, timestamp)
}

/**
 * Yields the messages as `encodeMessage` encodes them, with a line feed between two, in pieces of `chars` to about twice as
 * many characters, which end between two code points; the last one may be shorter. For work that is done in turn with other work.
 * @param first the offset of the first message
 */
export function * linePieces (messages: readonly NewMessage[], first: Offset, timestamp: string, chars: number): Generator<string> {
  let text = ''
  for (const [i, message] of messages.entries()) {
    if (i > 0) text += '\n'
    for (const part of messagePieces(message, first + i, timestamp, chars)) {
      text += part
      if (text.length < chars) continue
      yield text
      text = ''
    }
  }
  yield text
}

/** Yields one message in pieces with about `chars` characters of the payload each. */
function * messagePieces (message: NewMessage, offset: Offset, timestamp: string, chars: number): Generator<string> {
  const { payload } = message
  yield beforePayload(offset)
  for (let start = 0; start < payload.length;) {
    let end = start + chars
    if (isHighSurrogate(payload.charCodeAt(end - 1))) end++
    yield onOneLine(payload.slice(start, end))
    start = end
  }
  yield afterPayload(message, timestamp)
}

function beforePayload (offset: Offset): string {
  return '{"offset":' + offset + ',"payload":'
}

function afterPayload ({ key, headers }: NewMessage, timestamp: string): string {
  let text = ',"timestamp":' + timestamp
  if (key !== undefined) text += `,"key":${JSON.stringify(key)}`
  if (headers !== undefined) text += ',"headers":' + headers
  return text + '}'
}

function isHighSurrogate (c: number): boolean {
  return c >= 0xd800 && c <= 0xdbff
}

/** The beginning of each line that `encodeMessage` returns: a cheap check that a line has the expected offset. */
export function lineStart (offset: Offset): string {
  return `{"offset":${offset},"`
}

/** The parts of a stored line, as text that is not parsed further, but for the key. */
export interface StoredMessage {
  readonly payload: string
  /** JSON text: a number, if this service wrote it. */
  readonly timestamp: string | undefined
  readonly key: string | undefined
  /** JSON text of an object. */
  readonly headers: string | undefined
}

/**
 * Finds the parts of a line at its outermost level. Lines of other implementations may have other members, in any order.
 * @throws Error if the line is not a JSON object
 */
export function parseMessage (line: Uint8Array): StoredMessage {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString()
  const members = new Map<string, string>()
  let name = ''
  let depth = 0
  const scanner = new JsonScanner(codeUnits(text, line), {
    begin: () => depth++ === 0,
    end: (start, end) => { depth--; members.set(name, text.slice(start, end)) },
    name: (start, end) => { name = parseValue(text.slice(start, end)) as string },
    leave: () => { depth-- }
  }, Infinity)
  scanner.run(Infinity)
  const key = members.get('key')
  return {
    payload: members.get('payload') ?? 'null',
    timestamp: members.get('timestamp'),
    key: key?.startsWith('"') === true ? parseValue(key) as string : undefined,
    headers: members.get('headers')
  }
}
