import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Limits } from '../../../domain/limits.ts'
import { mayAnswer } from '../bounds/connections.ts'
import { LoopShare } from '../bounds/loop-share.ts'
import { clientGone } from '../bounds/memory-budget.ts'
import { type Encoding, preferredEncoding } from './negotiation.ts'

/** A body that is made of stored messages, and so may be large. */
export interface LargeBody {
  /** How many bytes are copied to make it. */
  readonly size: number
  readonly make: () => Buffer
  /** The same body as it is stored, compressed. */
  readonly stored?: { readonly encoding: Encoding, readonly body: Uint8Array } | undefined
}

/**
 * Sends the body, in the encoding that the request prefers. A client that receives it too slowly is disconnected if other
 * requests need the memory.
 * @throws LogError `request_timeout` if the client has gone
 */
export type SendBody = (request: FastifyRequest, reply: FastifyReply, body: LargeBody) => Promise<FastifyReply>

/** To be created once for an app, because all connections share the bytes that are copied in a turn. */
export function createBodySender ({ copiedPerTurnBytes, compressOverBytes }: Limits): SendBody {
  const copied = new LoopShare(copiedPerTurnBytes)

  return async (request, reply, body) => {
    const { hold, raw, headers: { 'accept-encoding': acceptEncoding } } = request
    if (!copied.hasRoom) await copied.room()
    if (!mayAnswer(reply)) throw clientGone()
    copied.spend(body.size)
    hold.awaitClient(() => { raw.socket.destroy() })
    return typeof acceptEncoding === 'string' ? sendEncoded(reply, body, acceptEncoding, compressOverBytes) : reply.send(body.make())
  }
}

function sendEncoded (reply: FastifyReply, { make, stored }: LargeBody, acceptEncoding: string, compressOverBytes: number): FastifyReply {
  const encoding = preferredEncoding(acceptEncoding, stored?.encoding)
  if (encoding !== undefined && encoding === stored?.encoding) {
    const { buffer, byteOffset, byteLength } = stored.body
    return reply.header('content-encoding', encoding).send(Buffer.from(buffer, byteOffset, byteLength))
  }
  const body = make()
  if (encoding === undefined || body.length <= compressOverBytes) return reply.send(body)
  // In zlib's threads, because the largest page would block the event loop for too long.
  compress[encoding](body, (error, compressed) => {
    if (error === null) reply.header('content-encoding', encoding).send(compressed)
    else reply.send(error)
  })
  return reply
}

type Compress = (body: Buffer, done: (error: Error | null, compressed: Buffer) => void) => void

/** Fast levels: higher ones take more time for little effect. */
const compress: Readonly<Record<Encoding, Compress>> = {
  gzip: (body, done) => { gzip(body, { level: 3, chunkSize }, done) },
  br: (body, done) => {
    const params = { [constants.BROTLI_PARAM_QUALITY]: 3, [constants.BROTLI_PARAM_SIZE_HINT]: body.length }
    brotliCompress(body, { params, chunkSize }, done)
  },
  zstd: (body, done) => { zstdCompress(body, { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize }, done) }
}

/** Size of the pieces of output. Each piece costs a round trip to the thread. */
const chunkSize = 64 * 1024
