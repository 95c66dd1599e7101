import { StreamsError } from './errors.ts'
import type { Hooks } from './options.ts'
import type { StandardSchema } from './standard-schema.ts'

/** A message of a topic. */
export interface Message<Payload = unknown> {
  readonly offset: number
  readonly payload: Payload
  /** When the service received it, in ms since 1970. */
  readonly timestamp: number
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What can be said about a message beside its payload. */
export interface MessageOptions {
  /** At most 1 KiB. */
  readonly key?: string | undefined
  /** At most 8 KiB together. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A message to append. */
export interface NewMessage<Payload = unknown> extends MessageOptions {
  readonly payload: Payload
}

/** How payloads become JSON text, and back. The service keeps the text as it is. */
export interface Codec {
  parse (text: string): unknown
  stringify (payload: unknown): string
}

/** Payloads are JSON text, byte for byte as they were appended: for big integers, or to pass messages on without parsing them. */
export const jsonText: Codec = { parse: (text) => text, stringify: (payload) => String(payload) }

export interface PayloadOptions<Input, Output> {
  /** Checks payloads on the way in and out. It must be synchronous. What is appended is the input; what is read is the output. */
  readonly schema?: StandardSchema<Input, Output>
  /** In place of `JSON.parse` and `JSON.stringify`. */
  readonly codec?: Codec
}

/** What readers need of a format. */
export type MessageDecoder<Output> = Pick<MessageFormat<never, Output>, 'check' | 'decode' | 'parse' | 'parseAnswer'>

/** Turns messages into the service's JSON and back. */
export class MessageFormat<Input, Output> {
  readonly #schema: StandardSchema<Input, Output> | undefined
  readonly #codec: Codec | undefined
  readonly #headers: Hooks['messageHeaders']

  constructor ({ schema, codec }: PayloadOptions<Input, Output>, { messageHeaders }: Hooks) {
    this.#schema = schema
    this.#codec = codec
    this.#headers = messageHeaders
  }

  /** The JSON object of a message. @throws StreamsError `invalid_payload` */
  encode ({ payload, key, headers }: NewMessage<Input>): string {
    this.#check(payload, 'payload', 'no')
    const text = (this.#codec ?? JSON).stringify(payload) as string | undefined
    if (text === undefined) {
      throw new StreamsError(`payload: expected a JSON value, got ${typeof payload}`, { code: 'invalid_payload', written: 'no' })
    }
    const common = this.#headers?.()
    const all = common === undefined ? headers : { ...common, ...headers }
    return `{"payload":${text}` + (key === undefined ? '' : `,"key":${JSON.stringify(key)}`) +
      (all === undefined ? '' : `,"headers":${JSON.stringify(all)}`) + '}'
  }

  /** @param text a message as the service stores it @throws StreamsError `invalid_payload` */
  decode (text: string): Message<Output> {
    const message = this.parse(text)
    return this.#schema === undefined ? message as Message<Output> : { ...message, payload: this.check(message) }
  }

  /** As `decode`, but without the schema. */
  parse (text: string): Message {
    if (this.#codec === undefined) return JSON.parse(text) as Message
    const { payload, without } = splitPayload(text)
    return { ...JSON.parse(without) as Message, payload: this.#codec.parse(payload) }
  }

  /** The payload that the schema makes of that of a message. @throws StreamsError `invalid_payload` */
  check ({ payload, offset }: Message): Output {
    return this.#check(payload, `payload of offset ${offset}`)
  }

  /** @param text JSON with a member `messages`: the answer of a receive @returns its messages, as `parse` does, and the rest */
  parseAnswer (text: string): { readonly messages: readonly Message[], readonly rest: Record<string, unknown> } {
    if (this.#codec !== undefined) {
      const { messages, rest } = splitMessages(text)
      return { messages: messages.map((message) => this.parse(message)), rest }
    }
    const { messages, ...rest } = JSON.parse(text) as { messages: Message[] }
    return { messages, rest }
  }

  #check (payload: unknown, what: string, written?: 'no'): Output {
    if (this.#schema === undefined) return payload as Output
    const result = this.#schema['~standard'].validate(payload)
    if (result instanceof Promise) {
      // Its rejection is nobody's.
      result.catch(() => {})
      throw new TypeError('schema: expected a synchronous one')
    }
    if (result.issues === undefined) return result.value
    const problems = result.issues.map(({ message, path = [] }) => {
      const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
      return place === '' ? message : `${place}: ${message}`
    })
    throw new StreamsError(`${what}: ${problems.join('; ')}`, { code: 'invalid_payload', written })
  }
}

const payloadAt = ',"payload":'

/** @param text a stored message: `{"offset":1,"payload":…,"timestamp":…}` @returns the payload's text, and the message without it */
function splitPayload (text: string): { readonly payload: string, readonly without: string } {
  const start = text.indexOf(payloadAt)
  const end = endOfValue(text, start + payloadAt.length)
  return { payload: text.slice(start + payloadAt.length, end), without: text.slice(0, start) + text.slice(end) }
}

const messagesAt = '{"messages":['

/** Reads a page within its attempt. @throws SyntaxError if it is none: see `jsonOf` */
export async function pageTextOf (response: Response): Promise<string> {
  const text = await response.text()
  if (!text.startsWith(messagesAt)) throw new SyntaxError(text.slice(0, 100))
  return text
}

/** The same for a page: `{"messages":[…],…}`. */
function splitMessages (text: string): { readonly messages: readonly string[], readonly rest: Record<string, unknown> } {
  const messages: string[] = []
  let at = messagesAt.length
  while (at < text.length && text[at] !== ']') {
    const end = endOfValue(text, at)
    messages.push(text.slice(at, end))
    at = text[end] === ',' ? end + 1 : end
  }
  return { messages, rest: JSON.parse(`{${text.slice(at + 1).replace(/^,/, '')}`) as Record<string, unknown> }
}

/** The index after the JSON value that begins at `start`. The text is known to be valid. */
function endOfValue (text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at)
        break
      case '{': case '[':
        depth++
        break
      case '}': case ']':
        if (depth === 0) return at
        if (--depth === 0) return at + 1
        break
      case ',':
        if (depth === 0) return at
        break
    }
  }
  return text.length
}

/** The index of the closing quote. */
function endOfString (text: string, start: number): number {
  let at = start
  do {
    at = text.indexOf('"', at + 1)
    let slashes = 0
    while (text[at - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return at
  } while (at !== -1)
  return text.length
}
