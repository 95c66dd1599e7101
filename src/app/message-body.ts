import { isUtf8 } from 'node:buffer'
import { LogError } from '../domain/errors.ts'
import { JsonScanner, JsonSyntaxError, parseValue } from '../domain/json.ts'
import { defaultLimits } from '../domain/limits.ts'
import { show } from './validation.ts'

/**
 * The members of one message, as far as they were there, before validation. The payload is the text it came in, so that
 * it is stored as it was sent (log §2.3): from a built value nobody can tell what that was (integers beyond 2^53, doubled
 * members, the order of number-like members). Members that no message has are added to the object under their names.
 */
export class MessageBody {
  payload: string | undefined = undefined
  key: unknown = undefined
  headers: unknown = undefined
}

/** What came as `{"messages":[…]}`. Other members are added to the object under their names. */
export class BatchBody {
  messages: unknown
  constructor (messages: unknown) { this.messages = messages }
}

/** What came as one message a line. */
export class LinesBody {
  readonly messages: readonly unknown[]
  /** In which line each message was, from 1. */
  readonly lines: readonly number[]
  constructor (messages: readonly unknown[], lines: readonly number[]) {
    this.messages = messages
    this.lines = lines
  }
}

const countExpected = `expected 1 to ${defaultLimits.requestMessagesMax} messages, got `

/** `application/json` */
export function parseJsonBody (body: Buffer): MessageBody | BatchBody {
  const text = textOf(body, 'a JSON object')
  const parser = new Parser()
  const parsed = asJson(text, 'body', () => {
    const scanner = new JsonScanner(text)
    const whole = scanner.isObject ? parser.message(scanner, '', true) : scanner.value()
    scanner.end()
    return whole
  })
  if (typeof parsed === 'string') throw invalid(`body: expected a JSON object, got ${show.value(parseValue(parsed))}`)
  parser.check()
  return parsed
}

/** `application/x-ndjson` */
export function parseLinesBody (body: Buffer): LinesBody {
  const expected = 'a JSON object on each line'
  const text = textOf(body, expected)
  const messages: unknown[] = []
  const lines: number[] = []
  const parser = new Parser()
  let count = 0
  let start = 0
  for (let line = 1; start < text.length; line++) {
    const lineFeed = text.indexOf('\n', start)
    const end = lineFeed === -1 ? text.length : lineFeed
    if (!isBlank(text, start, end) && ++count <= defaultLimits.requestMessagesMax) {
      messages.push(parseLine(text, start, end, `line ${line}`, parser))
      lines.push(line)
    }
    start = end + 1
  }
  if (count === 0) throw missing(expected)
  if (count > defaultLimits.requestMessagesMax) throw invalid(`body: ${countExpected}${count}`)
  parser.check()
  return new LinesBody(messages, lines)
}

function isBlank (text: string, start: number, end: number): boolean {
  while (start < end && ' \t\r'.includes(text[start]!)) start++
  return start === end
}

/** For the scanner a line end is white space; here it is where the message has to end. */
function parseLine (text: string, start: number, end: number, name: string, parser: Parser): unknown {
  return asJson(text, name, () => {
    const scanner = new JsonScanner(text, start)
    const message = parser.element(scanner, `${name}: `)
    if (scanner.at > end || scanner.space() < end) throw new JsonSyntaxError()
    return message
  }, start, end)
}

/** Builds messages. What is wrong with them is kept until all of the text has turned out to be JSON. */
class Parser {
  #wrong: string | undefined = undefined

  check (): void {
    if (this.#wrong !== undefined) throw invalid(this.#wrong)
  }

  /** @param where what stands before a field's name in messages: `messages.17.`, `line 17: ` */
  element (scanner: JsonScanner, where: string): unknown {
    return scanner.isObject ? this.message(scanner, where, false) : parseValue(scanner.value())
  }

  message (scanner: JsonScanner, where: string, mayBeBatch: true): MessageBody | BatchBody
  message (scanner: JsonScanner, where: string, mayBeBatch: boolean): MessageBody
  message (scanner: JsonScanner, where: string, mayBeBatch: boolean): MessageBody | BatchBody {
    const message = new MessageBody()
    let batch: BatchBody | undefined
    for (let more = scanner.enter(); more; more = scanner.next('}')) {
      const name = scanner.name()
      if (name === 'payload') {
        if (message.payload !== undefined) this.#twice(where, name)
        message.payload = scanner.value()
      } else if (name === 'key') {
        if (message.key !== undefined) this.#twice(where, name)
        message.key = parseValue(scanner.value())
      } else if (name === 'headers') {
        if (message.headers !== undefined) this.#twice(where, name)
        message.headers = parseValue(scanner.value())
      } else if (name === 'messages' && mayBeBatch) {
        if (batch !== undefined) this.#twice(where, name)
        batch = new BatchBody(scanner.isArray ? this.#elements(scanner) : parseValue(scanner.value()))
      } else {
        if (Object.hasOwn(message, name)) this.#twice(where, name)
        addMember(message, name, scanner.value())
      }
    }
    return batch === undefined ? message : joined(batch, message)
  }

  #elements (scanner: JsonScanner): unknown[] {
    const elements: unknown[] = []
    let count = 0
    for (let more = scanner.enter(); more; more = scanner.next(']')) {
      if (++count <= defaultLimits.requestMessagesMax) elements.push(this.element(scanner, `messages.${count - 1}.`))
      else scanner.value()
    }
    if (count > defaultLimits.requestMessagesMax) this.#wrong ??= `messages: ${countExpected}${count}`
    return elements
  }

  #twice (where: string, name: string): void {
    this.#wrong ??= `${where}${show.name(name)}: expected once, got twice`
  }
}

/** With `payload` beside `messages` it is a message that has a member too many. */
function joined (batch: BatchBody, message: MessageBody): MessageBody | BatchBody {
  if (message.payload !== undefined) {
    addMember(message, 'messages', batch.messages)
    return message
  }
  for (const [name, value] of Object.entries(message)) if (value !== undefined) addMember(batch, name, value)
  return batch
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

/** @param name of the part of the body from `start` to `end`, which `scan` goes through */
function asJson<T> (text: string, name: string, scan: () => T, start = 0, end = text.length): T {
  try {
    return scan()
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    // V8's message quotes the text around the error, which may be a secret's; its position is enough.
    const position = / at position (\d+)/.exec(refusal(text.slice(start, end)))?.[1]
    const where = position === undefined ? '' : ` at position ${position}`
    throw new LogError('malformed_json', `${name}: expected valid JSON, got a syntax error${where}`)
  }
}

function refusal (json: string): string {
  try {
    JSON.parse(json)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

function missing (expected: string): LogError {
  return new LogError('missing_body', `body: expected ${expected}, got nothing`)
}

function invalid (detail: string): LogError {
  return new LogError('invalid_request', detail)
}
