import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LogError } from '../domain/errors.ts'
import { rawMembers } from '../domain/json.ts'
import { defaultLimits } from '../domain/limits.ts'
import { show } from './validation.ts'

/** A JSON value as the text it came in. Payloads travel as this, so that they are stored as they were sent (log §2.3). */
export class RawJson {
  readonly text: string
  constructor (text: string) { this.text = text }
}

/**
 * Replaces Fastify's parsers: they build the payload's value, and what is serialised from a value is no longer what was
 * sent (integers beyond 2^53, doubled members, the order of number-like members).
 */
export function addBodyParsers (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: defaultLimits.requestBytesMax },
    (request: FastifyRequest, body: Buffer, done: (error: Error | null, body?: unknown) => void) => {
      try {
        checkCharset(request)
        done(null, parseBody(body))
      } catch (error) {
        done(error as Error)
      }
    })
  app.addContentTypeParser('*', (request, _payload, done) => { done(unsupported(request)) })
}

/** The object in `body` with each `payload` left as {@link RawJson}. */
export function parseBody (body: Buffer): Record<string, unknown> {
  if (body.length === 0) throw new LogError('missing_body', 'body: expected a JSON object, got nothing')
  if (!isUtf8(body)) throw new LogError('invalid_encoding', 'body: expected UTF-8, got bytes that are not')
  const text = body.toString('utf8')
  const value = parseJson(text)
  const members = rawMembers(text)
  if (members === undefined) throw new LogError('invalid_request', `body: expected a JSON object, got ${show.value(value)}`)
  const whole = value as Record<string, unknown>
  const parsed: Record<string, unknown> = {}
  for (const { name, raw } of members) {
    if (Object.hasOwn(parsed, name)) throw new LogError('invalid_request', `${show.name(name)}: expected once, got twice`)
    const member = name === 'payload' ? new RawJson(raw) : whole[name]
    // Assigning to __proto__ would set the prototype; as a member of its own, validation refuses it by name.
    if (name === '__proto__') Object.defineProperty(parsed, name, { value: member, enumerable: true })
    else parsed[name] = member
  }
  return parsed
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // V8's message quotes the text around the error, which may be a secret's; its position is enough.
    const position = / at position (\d+)/.exec((error as Error).message)?.[1]
    const where = position === undefined ? '' : ` at position ${position}`
    throw new LogError('malformed_json', `body: expected valid JSON, got a syntax error${where}`)
  }
}

function checkCharset (request: FastifyRequest): void {
  const type = request.headers['content-type']
  if (type === undefined || !type.includes(';')) return
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) throw unsupported(request)
}

export function unsupported (request: FastifyRequest): LogError {
  const got = request.headers['content-type']
  return new LogError('unsupported_media_type',
    `content-type: expected application/json in UTF-8, got ${got === undefined ? 'none' : show.text(got)}`)
}
