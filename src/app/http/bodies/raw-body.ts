import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LogError } from '../../../domain/errors.ts'
import { defaultLimits } from '../../../domain/limits.ts'
import { show } from '../validation.ts'
import { decompressed } from './body-encoding.ts'
import { type MessageBody, parseJsonBody, parseLinesBody } from './message-body.ts'
import { receiveBody } from './receive-body.ts'

export const jsonType = 'application/json'
export const linesType = 'application/x-ndjson'

/** Replaces Fastify's parsers, which would build the payload: re-serialized, it would differ from what was sent. */
export function addBodyParsers (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  addParser(app, jsonType, parseJsonBody)
  addParser(app, linesType, parseLinesBody)
  app.addContentTypeParser('*', (request, _payload, done) => { done(unsupported(request)) })
}

function addParser (app: FastifyInstance, type: string, parse: (body: Buffer) => MessageBody | Promise<MessageBody>): void {
  app.addContentTypeParser(type, (request: FastifyRequest, payload: IncomingMessage, done: (error: Error | null, body?: unknown) => void) => {
    receiveBody(request, payload, (failure, body) => {
      if (body === undefined) {
        done(failure)
        return
      }
      const encoding = request.headers['content-encoding']
      try {
        checkCharset(request)
        const parsed = encoding === undefined ? parse(body) : decompressedInHold(request, body, encoding).then(parse)
        if (parsed instanceof Promise) parsed.then((parsed) => { done(null, parsed) }, done)
        else done(null, parsed)
      } catch (error) {
        done(error as Error)
      }
    })
  })
}

/** Decompresses the body. Holds memory for the largest possible body until the real size is known. */
async function decompressedInHold ({ hold }: FastifyRequest, body: Buffer, encoding: string): Promise<Buffer> {
  await hold.add(defaultLimits.requestBytesMax)
  const whole = await decompressed(body, encoding)
  hold.resize(whole.length)
  return whole
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
    `content-type: expected ${jsonType} or ${linesType} in UTF-8, got ${got === undefined ? 'none' : show.text(got)}`)
}
