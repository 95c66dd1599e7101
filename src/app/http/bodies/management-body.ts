import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { checkCharset, decompressorInHold, jsonType, unsupported } from './raw-body.ts'
import { createBodyReceiver } from './receive-body.ts'
import { repeatedMember } from './unique-members.ts'

/**
 * The parsers of a scope whose bodies are small JSON objects, which no payload is in. A missing body is an empty object: all
 * members of most of them are optional. An object that has a member twice is refused.
 * @param bytesMax of a body, after decompression
 */
export function addManagementBodies (scope: FastifyInstance, limits: Limits, bytesMax = limits.managementBodyBytesMax): void {
  const receive = createBodyReceiver({ requestBytesMax: bytesMax, copiedPerTurnBytes: limits.copiedPerTurnBytes })
  const decompress = decompressorInHold(bytesMax)
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(jsonType, (
    request: FastifyRequest, payload: IncomingMessage, done: (error: Error | null, body?: unknown) => void
  ) => {
    receive(request, payload, (failure, body) => {
      if (body === undefined) {
        done(failure)
        return
      }
      const encoding = request.headers['content-encoding']
      const whole = encoding === undefined ? Promise.resolve(body) : decompress(request, body, encoding)
      whole.then((whole) => {
        checkCharset(request, jsonType)
        done(null, parse(whole))
      }).catch(done)
    })
  })
  scope.addContentTypeParser('*', (request, _payload, done) => { done(unsupported(request, jsonType)) })
  scope.addHook('preValidation', (request, _reply, done) => {
    if (request.body === undefined) request.body = {}
    done()
  })
}

/** @throws LogError `invalid_encoding`, `malformed_json`; `invalid_request` if a member is there twice */
function parse (body: Buffer): unknown {
  if (body.length === 0) return undefined
  if (!isUtf8(body)) throw new LogError('invalid_encoding', 'body: expected UTF-8, got bytes that are not')
  const text = body.toString('utf8')
  const value = parseJson(text)
  const repeated = repeatedMember(text, body)
  if (repeated !== undefined) throw new LogError('invalid_request', `${repeated}: expected once, got twice`)
  return value
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not V8's message, which quotes the body.
    throw new LogError('malformed_json', 'body: expected valid JSON, got a syntax error')
  }
}
