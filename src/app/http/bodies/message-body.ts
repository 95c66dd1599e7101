import { isUtf8 } from 'node:buffer'
import { LogError } from '../../../domain/errors.ts'
import { defaultLimits as limits } from '../../../domain/limits.ts'
import { type CodeUnits, codeUnits, JsonNestingError, JsonScanner, JsonSyntaxError, type JsonHandler, parseValue } from '../../../domain/segments/json-scanner.ts'
import type { NewMessage } from '../../../domain/segments/message.ts'
import { Turns } from '../../../domain/turns.ts'
import { compiler, show, validationError } from '../validation.ts'
import { Batch, Message, Messages } from './message.schema.ts'

/** A body that is valid JSON. Without `error` its messages are valid; with an `error` some may be missing. */
export interface MessageBody {
  readonly messages: readonly NewMessage[]
  /** Whether they were sent as `{"messages":[…]}` or as lines, even a single one. */
  readonly batch: boolean
  readonly error: LogError | undefined
}

const compile = compiler()
const isMessage = compile(Message)
/** Validates a batch without its messages, each of which is validated when it has been read. */
const isBatch = compile({ ...Batch, properties: { messages: { ...Messages, items: {} } } })

const countExpected = `expected 1 to ${limits.requestMessagesMax} messages, got `

/** A longer JSON string is too large for headers whatever its escapes are, so it can be refused without unescaping it. */
const textCharsMax = 6 * limits.headersBytesMax + 2

/**
 * Parses a body of type `application/json`: up to `sliceChars` bytes at once, a larger one in slices, in turn with others.
 * @throws LogError `missing_body`, `invalid_encoding`, `malformed_json`; `invalid_request` for nesting
 */
export function parseJsonBody (body: Buffer): MessageBody | Promise<MessageBody> {
  return read(body, (text) => new JsonReading(text, body), 'a JSON object')
}

/** Parses a body of type `application/x-ndjson` in the same way. */
export function parseLinesBody (body: Buffer): MessageBody | Promise<MessageBody> {
  return read(body, (text) => new LinesReading(text, body), linesExpected)
}

const linesExpected = 'a JSON object on each line'

/** A body that is read slice by slice. */
export interface Reading {
  /** Everything before this position has been read. */
  readonly at: number
  /** Continues to about `limit`. @returns whether everything has been read */
  run (limit: number): boolean
  result (): MessageBody
}

const turns = new Turns(setImmediate)

function read (body: Buffer, start: (text: string) => Reading, expected: string): MessageBody | Promise<MessageBody> {
  if (body.length > limits.sliceChars) return readLarge(body, start, expected)
  const reading = start(textOf(body, expected))
  reading.run(body.length)
  return reading.result()
}

async function readLarge (body: Buffer, start: (text: string) => Reading, expected: string): Promise<MessageBody> {
  await turns.next()
  const reading = start(textOf(body, expected))
  do await turns.next(); while (!reading.run(reading.at + limits.sliceChars))
  return reading.result()
}

export class JsonReading implements Reading {
  readonly #text: string
  readonly #messages: MessageReader
  readonly #scanner: JsonScanner

  constructor (text: string, utf8: Buffer) {
    this.#text = text
    this.#messages = new MessageReader(text, false)
    this.#scanner = new JsonScanner(codeUnits(text, utf8), this.#messages)
  }

  get at (): number { return this.#scanner.at }

  run (limit: number): boolean {
    try {
      return this.#scanner.run(limit)
    } catch (error) {
      throw refusal(error, this.#messages, 'body', this.#text, 0, this.#text.length)
    }
  }

  result (): MessageBody { return this.#messages.result() }
}

export class LinesReading implements Reading {
  readonly #text: string
  readonly #units: CodeUnits
  readonly #messages: MessageReader
  #at = 0
  readonly #scanner: JsonScanner
  #inLine = false
  #line = 1
  #lineStart = 0
  #lineEnd = 0

  constructor (text: string, utf8: Buffer) {
    this.#text = text
    this.#units = codeUnits(text, utf8)
    this.#messages = new MessageReader(text, true)
    this.#scanner = new JsonScanner(this.#units, this.#messages)
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
        throw refusal(error, this.#messages, `line ${this.#line}`, text, this.#lineStart, this.#lineEnd)
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

/** The members of a message. Values that cannot be valid are not built: a short value that is invalid in the same way takes their place. */
class MessageMembers {
  /** JSON text, so that it is stored as it was sent (log §2.3). */
  payload: string | undefined = undefined
  key: unknown = undefined
  headers: unknown = undefined
  #unknown: string | undefined

  /** Keeps only the first one, because there may be very many. @returns false if `name` was added before */
  addUnknown (name: string): boolean {
    if (this.#unknown !== undefined) return this.#unknown !== name
    this.#unknown = name
    addMember(this, name, null)
    return true
  }
}

type Member = 'payload' | 'key' | 'headers' | 'messages' | 'unknown'

/** Builds and validates messages. The first error is kept until the whole text has been checked to be JSON. */
class MessageReader implements JsonHandler {
  readonly #text: string
  readonly #lines: boolean
  readonly #messages: NewMessage[] = []
  /** The place of the next value. */
  #in: 'body' | 'message' | 'messages' | 'headers' = 'body'
  #message = new MessageMembers()
  #member: Member = 'payload'
  /** Name of the member or of the header. */
  #name = ''
  #headers: Record<string, unknown> = {}
  #headersBytes = 0
  /** Number of messages so far. */
  #count = 0
  #line = 0
  /** While the messages of a batch are read: the members beside `messages`. */
  #beside: MessageMembers | undefined
  /** A stand-in for the value of `messages`. */
  #batch: unknown
  #wrong: string | undefined
  #invalid: LogError | undefined

  /** @param lines whether the text has one message per line; otherwise it is one message or one batch */
  constructor (text: string, lines: boolean) {
    this.#text = text
    this.#lines = lines
  }

  /** @returns false if there are too many messages already, so that the line is only counted */
  startLine (line: number): boolean {
    this.#line = line
    this.#in = 'body'
    return ++this.#count <= limits.requestMessagesMax
  }

  begin (c: number): boolean {
    switch (this.#in) {
      case 'body':
        if (c !== OPEN_BRACE) return false
        if (this.#lines) this.#message = new MessageMembers()
        this.#in = 'message'
        return true
      case 'messages':
        if (++this.#count > limits.requestMessagesMax || c !== OPEN_BRACE) return false
        this.#message = new MessageMembers()
        this.#in = 'message'
        return true
      case 'message':
        if (this.#member === 'headers' && c === OPEN_BRACE) {
          this.#headers = {}
          this.#headersBytes = 0
          this.#in = 'headers'
          return true
        }
        if (this.#member === 'messages' && c === OPEN_BRACKET) {
          this.#beside = this.#message
          this.#in = 'messages'
          return true
        }
        return false
      default: return false
    }
  }

  name (start: number, end: number): void {
    const text = this.#text
    if (this.#in === 'headers') {
      if (end - start > textCharsMax) this.#headersBytes = Infinity
      this.#name = this.#string(start, end)
      return
    }
    const message = this.#message
    if (end - start === 9 && text.startsWith('payload', start + 1)) {
      this.#member = 'payload'
    } else {
      this.#name = this.#string(start, end)
      this.#member = this.#memberOf(this.#name)
    }
    const again = this.#member === 'unknown'
      ? !message.addUnknown(this.#name)
      : (this.#member === 'messages' ? this.#batch : message[this.#member]) !== undefined
    if (again) this.#wrong ??= `${this.#where()}${show.name(this.#member === 'unknown' ? this.#name : this.#member)}: expected once, got twice`
  }

  end (start: number, end: number): void {
    const message = this.#message
    switch (this.#in) {
      case 'message':
        switch (this.#member) {
          case 'payload':
            message.payload = this.#text.slice(start, end)
            break
          case 'key':
            if (this.#isLongString(start, end)) this.#wrong ??= `${this.#where()}key: expected ${expected('key')}, got more`
            message.key = this.#standIn(start, end)
            break
          case 'headers':
            message.headers = this.#standIn(start, end)
            break
          case 'messages':
            this.#batch = this.#standIn(start, end)
            break
        }
        break
      case 'headers':
        this.#addHeader(start, end)
        break
      case 'messages':
        if (this.#count <= limits.requestMessagesMax) this.#notAnObject(start, end)
        break
      case 'body':
        this.#notAnObject(start, end)
        break
    }
  }

  leave (): void {
    switch (this.#in) {
      case 'headers':
        if (this.#headersBytes > limits.headersBytesMax) {
          const got = this.#headersBytes === Infinity ? 'more' : `${this.#headersBytes} bytes`
          this.#wrong ??= `${this.#where()}headers: expected ${expected('headers')}, got ${got}`
        }
        this.#message.headers = this.#headers
        this.#in = 'message'
        break
      case 'message':
        if (this.#beside !== undefined) this.#in = 'messages'
        if (this.#beside !== undefined || this.#lines) this.#take(this.#message)
        break
      case 'messages':
        this.#batch = this.#count === 0 ? [] : [null]
        this.#message = this.#beside!
        this.#beside = undefined
        this.#in = 'message'
        break
    }
  }

  result (): MessageBody {
    const batch = this.#lines || this.#batch !== undefined
    if (this.#lines && this.#count === 0) throw missing(linesExpected)
    if (!batch && this.#invalid === undefined) this.#take(this.#message)
    const invalidBatch = this.#batch === undefined ? undefined : this.#checkBatch()
    const wrong = this.#count > limits.requestMessagesMax ? `${this.#lines ? 'body' : 'messages'}: ${countExpected}${this.#count}` : this.#wrong
    return { messages: this.#messages, batch, error: wrong === undefined ? invalidBatch ?? this.#invalid : invalid(wrong) }
  }

  /** The error for a value that is nested too deeply. @param start position of the value */
  tooDeep (start: number): LogError {
    if (this.#wrong !== undefined) return invalid(this.#wrong)
    if (this.#invalid !== undefined) return this.#invalid
    const at = this.#where()
    const got = show.value(this.#standIn(start, start))
    switch (this.#in) {
      case 'headers': return invalid(`${at}headers.${show.name(this.#name)}: expected a string, got ${got}`)
      case 'messages':
        if (this.#count > limits.requestMessagesMax) return invalid(`messages: ${countExpected}more`)
        break
      case 'message':
        switch (this.#member) {
          case 'payload': return invalid(`${at}payload: expected at most ${limits.payloadNestingMax} levels of nesting, got more`)
          case 'messages': return invalid(`messages: ${countExpected}${got}`)
          case 'unknown': return invalid(`${at}${show.name(this.#name)}: expected one of ${this.#batch === undefined ? 'payload, key, headers' : 'messages'}, got an unknown member`)
          default: return invalid(`${at}${this.#member}: expected ${expected(this.#member)}, got ${got}`)
        }
    }
    this.#notAnObject(start, start)
    return this.#invalid!
  }

  /** The prefix of field names in errors. */
  #where (): string {
    if (this.#lines) return `line ${this.#line}: `
    return this.#beside === undefined ? '' : `messages.${this.#count - 1}.`
  }

  #memberOf (name: string): Member {
    switch (name) {
      case 'payload': case 'key': case 'headers': return name
      case 'messages': return this.#lines || this.#beside !== undefined ? 'unknown' : name
      default: return 'unknown'
    }
  }

  #addHeader (start: number, end: number): void {
    const value = this.#standIn(start, end)
    this.#headersBytes += Buffer.byteLength(this.#name) + (typeof value === 'string' ? Buffer.byteLength(value) : 0)
    if (this.#isLongString(start, end)) this.#headersBytes = Infinity
    if (this.#headersBytes > limits.headersBytesMax) return
    if (this.#name === '__proto__') addMember(this.#headers, this.#name, value)
    else this.#headers[this.#name] = value
  }

  #take (message: MessageMembers): void {
    if (this.#wrong !== undefined || this.#invalid !== undefined) return
    if (!isMessage(message)) {
      this.#invalid = validationError(isMessage.errors!, 'body', this.#where())
      return
    }
    if (message.headers !== undefined) message.headers = JSON.stringify(message.headers)
    this.#messages.push(message as NewMessage)
  }

  #notAnObject (start: number, end: number): void {
    const field = this.#lines ? `line ${this.#line}` : this.#in === 'body' ? 'body' : `messages.${this.#count - 1}`
    this.#invalid ??= invalid(`${field}: expected a JSON object, got ${show.value(this.#standIn(start, end))}`)
  }

  /** With a payload beside `messages`, the body is a message with an unknown member. */
  #checkBatch (): LogError | undefined {
    const beside = this.#message
    if (beside.payload !== undefined) {
      addMember(beside, 'messages', null)
      return isMessage(beside) ? undefined : validationError(isMessage.errors!, 'body')
    }
    const whole = { messages: this.#batch }
    for (const [name, value] of Object.entries(beside)) if (value !== undefined) addMember(whole, name, value)
    return isBatch(whole) ? undefined : validationError(isBatch.errors!, 'body')
  }

  #isLongString (start: number, end: number): boolean {
    return end - start > textCharsMax && this.#text.charCodeAt(start) === QUOTE
  }

  /** The string; only its beginning if it is too long to be valid anywhere. */
  #string (start: number, end: number): string {
    return end - start > textCharsMax ? this.#text.slice(start + 1, start + textCharsMax) : parseValue(this.#text.slice(start, end)) as string
  }

  /** The value, or a short value of the same type if it can be valid only in a payload. */
  #standIn (start: number, end: number): unknown {
    switch (this.#text.charCodeAt(start)) {
      case QUOTE: return this.#string(start, end)
      case OPEN_BRACKET: return []
      case OPEN_BRACE: return {}
      // Of a number with a million digits, the beginning is enough for the error message.
      default: return end - start > textCharsMax ? Number.parseFloat(this.#text.slice(start, start + textCharsMax)) : JSON.parse(this.#text.slice(start, end))
    }
  }
}

const QUOTE = 0x22
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b

function expected (member: 'key' | 'headers'): string {
  return Message.properties[member]['x-expected'] as string
}

/** Assigning to `__proto__` would set the prototype; as a member of its own, validation refuses it by name. */
function addMember (object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true })
}

function textOf (body: Buffer, expected: string): string {
  if (body.length === 0) throw missing(expected)
  if (!isUtf8(body)) throw new LogError('invalid_encoding', 'body: expected UTF-8, got bytes that are not')
  return body.toString('utf8')
}

/** Converts an error of the scanner. @param name name of the part of the text from `start` to `end`, for the error message */
function refusal (error: unknown, messages: MessageReader, name: string, text: string, start: number, end: number): unknown {
  if (error instanceof JsonNestingError) return messages.tooDeep(error.start)
  if (!(error instanceof JsonSyntaxError)) return error
  // V8 would build all values of a large text at once.
  const position = end - start <= limits.sliceChars ? parserPosition(text.slice(start, end)) : error.at < end ? error.at - start : undefined
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

function missing (expected: string): LogError {
  return new LogError('missing_body', `body: expected ${expected}, got nothing`)
}

function invalid (detail: string): LogError {
  return new LogError('invalid_request', detail)
}
