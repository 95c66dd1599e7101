import { isUtf8 } from 'node:buffer'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { type CodeUnits, codeUnits, JsonNestingError, JsonScanner, JsonSyntaxError } from '../../../domain/segments/json-scanner.ts'
import { Turns } from '../../../domain/turns.ts'
import type { Validators } from '../validators.ts'
import { type MessageBody, MessageReader, missing } from './message-reader.ts'
import { createMessageRules, type MessageRules } from './message-rules.ts'

/**
 * Parses a body. One of up to `sliceChars` bytes is parsed at once; larger ones are parsed in slices, in turn with each other.
 * @throws LogError `missing_body`, `invalid_encoding`, `malformed_json`; `invalid_request` for nesting
 */
export type ParseBody = (body: Buffer) => MessageBody | Promise<MessageBody>

/** The parsers for bodies of type `application/json` and `application/x-ndjson`. */
export function createBodyParsers (
  limits: Limits, validators: Validators
): { readonly json: ParseBody, readonly lines: ParseBody } {
  const rules = createMessageRules(limits, validators)
  return {
    json: (body) => read(body, (text) => new JsonReading(text, body, rules), 'a JSON object', limits.sliceChars),
    lines: (body) => read(body, (text) => new LinesReading(text, body, rules), 'a JSON object on each line', limits.sliceChars)
  }
}

const turns = new Turns(setImmediate)

function read (body: Buffer, start: (text: string) => Reading, expected: string, sliceChars: number): MessageBody | Promise<MessageBody> {
  if (body.length > sliceChars) return readLarge(body, start, expected, sliceChars)
  const reading = start(textOf(body, expected))
  reading.run(body.length)
  return reading.result()
}

async function readLarge (body: Buffer, start: (text: string) => Reading, expected: string, sliceChars: number): Promise<MessageBody> {
  await turns.next()
  const reading = start(textOf(body, expected))
  do await turns.next(); while (!reading.run(reading.at + sliceChars))
  return reading.result()
}

/** A body that is read slice by slice. */
export interface Reading {
  /** Everything before this position has been read. */
  readonly at: number
  /** Continues to about `limit`. @returns whether everything has been read */
  run (limit: number): boolean
  result (): MessageBody
}

export class JsonReading implements Reading {
  readonly #text: string
  readonly #sliceChars: number
  readonly #messages: MessageReader
  readonly #scanner: JsonScanner

  constructor (text: string, utf8: Buffer, rules: MessageRules) {
    this.#text = text
    this.#sliceChars = rules.limits.sliceChars
    this.#messages = new MessageReader(text, false, rules)
    this.#scanner = new JsonScanner(codeUnits(text, utf8), this.#messages, rules.limits.payloadNestingMax)
  }

  get at (): number { return this.#scanner.at }

  run (limit: number): boolean {
    try {
      return this.#scanner.run(limit)
    } catch (error) {
      throw refusal(error, this.#messages, { name: 'body', text: this.#text, start: 0, end: this.#text.length }, this.#sliceChars)
    }
  }

  result (): MessageBody { return this.#messages.result() }
}

export class LinesReading implements Reading {
  readonly #text: string
  readonly #sliceChars: number
  readonly #units: CodeUnits
  readonly #messages: MessageReader
  #at = 0
  readonly #scanner: JsonScanner
  #inLine = false
  #line = 1
  #lineStart = 0
  #lineEnd = 0

  constructor (text: string, utf8: Buffer, rules: MessageRules) {
    this.#text = text
    this.#sliceChars = rules.limits.sliceChars
    this.#units = codeUnits(text, utf8)
    this.#messages = new MessageReader(text, true, rules)
    this.#scanner = new JsonScanner(this.#units, this.#messages, rules.limits.payloadNestingMax)
  }

  get at (): number { return this.#inLine ? this.#scanner.at : this.#at }

  run (limit: number): boolean {
    const text = this.#text
    for (;;) {
      if (!this.#inLine) {
        this.#skipSpace(Math.min(limit, text.length))
        if (this.#at === text.length) return true
        if (this.#at >= limit) return false
        const lineFeed = text.indexOf('\n', this.#at)
        this.#lineEnd = lineFeed === -1 ? text.length : lineFeed
        if (!this.#messages.startLine(this.#line)) {
          this.#at = this.#lineEnd
          continue
        }
        this.#scanner.restart(this.#at, this.#lineEnd)
        this.#inLine = true
      }
      try {
        if (!this.#scanner.run(limit)) return false
      } catch (error) {
        const part = { name: `line ${this.#line}`, text, start: this.#lineStart, end: this.#lineEnd }
        throw refusal(error, this.#messages, part, this.#sliceChars)
      }
      this.#at = this.#lineEnd
      this.#inLine = false
    }
  }

  result (): MessageBody { return this.#messages.result() }

  /** Skips to the next line that is not blank. */
  #skipSpace (stop: number): void {
    let at = this.#at
    for (; at < stop; at++) {
      const c = this.#units[at]
      if (c === 0x0a) {
        this.#line++
        this.#lineStart = at + 1
      } else if (c !== 0x20 && c !== 0x09 && c !== 0x0d) break
    }
    this.#at = at
  }
}

function textOf (body: Buffer, expected: string): string {
  if (body.length === 0) throw missing(expected)
  if (!isUtf8(body)) throw new LogError('invalid_encoding', 'body: expected UTF-8, got bytes that are not')
  return body.toString('utf8')
}

/** The part of a body that is one JSON value, with its name for error messages. */
interface Part {
  readonly name: string
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Converts an error of the scanner to one for the client. */
function refusal (error: unknown, messages: MessageReader, { name, text, start, end }: Part, sliceChars: number): unknown {
  if (error instanceof JsonNestingError) return messages.tooDeep(error.start)
  if (!(error instanceof JsonSyntaxError)) return error
  // V8 would build all values of a large text at once.
  const position = end - start <= sliceChars ? parserPosition(text.slice(start, end)) : error.at < end ? error.at - start : undefined
  const where = position === undefined ? '' : ` at position ${position}`
  return new LogError('malformed_json', `${name}: expected valid JSON, got a syntax error${where}`)
}

/** The position from V8's error. Its message quotes the text around the error, which may be confidential. */
function parserPosition (json: string): number | undefined {
  try {
    JSON.parse(json)
  } catch (error) {
    const position = / at position (\d+)/.exec((error as Error).message)?.[1]
    if (position !== undefined) return Number(position)
  }
  return undefined
}
