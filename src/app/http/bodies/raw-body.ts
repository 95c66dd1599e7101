import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { show } from '../validation.ts'
import type { Validators } from '../validators.ts'
import { createDecompressor, type DecompressBody } from './body-encoding.ts'
import { createBodyParsers, type ParseBody } from './message-body.ts'
import { createBodyReceiver, type ReceiveBody } from './receive-body.ts'

export const jsonType = 'application/json'
export const linesType = 'application/x-ndjson'
const messageTypes = `${jsonType} or ${linesType}`

/** Replaces Fastify's parsers, which would build the payload: re-serialized, it would differ from what was sent. */
export function addBodyParsers (app: FastifyInstance, limits: Limits, validators: Validators): void {
  const { json, lines } = createBodyParsers(limits, validators)
  const receive = createBodyReceiver(limits)
  const decompress = decompressorInHold(limits.requestBytesMax)
  app.removeAllContentTypeParsers()
  addParser(app, jsonType, { receive, decompress, parse: json })
  addParser(app, linesType, { receive, decompress, parse: lines })
  app.addContentTypeParser('*', (request, _payload, done) => { done(unsupported(request)) })
}

type DecompressInHold = (request: FastifyRequest, ...body: Parameters<DecompressBody>) => ReturnType<DecompressBody>

interface Steps {
  readonly receive: ReceiveBody
  readonly decompress: DecompressInHold
  readonly parse: ParseBody
}

type Done = (error: Error | null, body?: unknown) => void

function addParser (app: FastifyInstance, type: string, { receive, decompress, parse }: Steps): void {
  app.addContentTypeParser(type, (request: FastifyRequest, payload: IncomingMessage, done: Done) => {
    receive(request, payload, (failure, body) => {
      if (body === undefined) {
        done(failure)
        return
      }
      const encoding = request.headers['content-encoding']
      try {
        checkCharset(request)
        const parsed = encoding === undefined ? parse(body) : decompress(request, body, encoding).then(parse)
        if (parsed instanceof Promise) parsed.then((parsed) => { done(null, parsed) }, done)
        else done(null, parsed)
      } catch (error) {
        done(error as Error)
      }
    })
  })
}

/** Holds memory for the largest possible body until the real size is known. */
export function decompressorInHold (bytesMax: number): DecompressInHold {
  const decompress = createDecompressor(bytesMax)
  return async ({ hold }, body, encoding) => {
    await hold.add(bytesMax)
    const whole = await decompress(body, encoding)
    hold.resize(whole.length)
    return whole
  }
}

/** @param expected the types that the route takes @throws LogError `unsupported_media_type` */
export function checkCharset (request: FastifyRequest, expected = messageTypes): void {
  const type = request.headers['content-type']
  if (type === undefined || !type.includes(';')) return
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) throw unsupported(request, expected)
}

export function unsupported (request: FastifyRequest, expected = messageTypes): LogError {
  const got = request.headers['content-type']
  return new LogError(
    'unsupported_media_type', `content-type: expected ${expected} in UTF-8, got ${got === undefined ? 'none' : show.text(got)}`
  )
}
