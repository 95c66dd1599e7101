import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Limits } from '../../../domain/limits.ts'
import type { Page } from '../../../domain/log/log.ts'
import { linesType } from '../bodies/raw-body.ts'
import { mayAnswer } from '../bounds/connections.ts'
import { LoopShare } from '../bounds/loop-share.ts'
import { clientGone } from '../bounds/memory-budget.ts'
import { type Encoding, preferredEncoding, prefers } from './negotiation.ts'

/**
 * Sends the page in the type and the encoding that the request prefers. A client that receives it too slowly is
 * disconnected if other requests need the memory.
 */
export type SendPage = (request: FastifyRequest, reply: FastifyReply, page: Page) => Promise<FastifyReply>

/** To be created once for an app, because all connections share the bytes that are copied in a turn. */
export function createPageSender ({ copiedPerTurnBytes, compressOverBytes }: Limits): SendPage {
  const copied = new LoopShare(copiedPerTurnBytes)

  return async (request, reply, page) => {
    const { hold, raw, headers: { accept, 'accept-encoding': acceptEncoding } } = request
    if (!copied.hasRoom) await copied.room()
    if (!mayAnswer(reply)) throw clientGone()
    copied.spend(sizeOf(page))
    hold.awaitClient(() => { raw.socket.destroy() })
    const asLines = prefers(linesType, accept)
    reply
      .header('content-type', asLines ? linesType : 'application/json; charset=utf-8')
      .header('earliest-offset', page.earliest)
      .header('end-offset', page.end)
      .header('next-offset', page.nextOffset)
      .header('vary', 'accept, accept-encoding')
    if (page.closed) reply.header('topic-closed', 'true')
    return typeof acceptEncoding === 'string'
      ? sendEncoded(reply, page, asLines, acceptEncoding, compressOverBytes)
      : reply.send(asLines ? linesBody(page) : jsonBody(page))
  }
}

function sendEncoded (reply: FastifyReply, page: Page, asLines: boolean, acceptEncoding: string, compressOverBytes: number): FastifyReply {
  const stored = asLines ? storedLines(page) : undefined
  const encoding = preferredEncoding(acceptEncoding, stored?.encoding)
  if (encoding !== undefined && encoding === stored?.encoding) {
    const { buffer, byteOffset, byteLength } = stored.body
    return reply.header('content-encoding', encoding).send(Buffer.from(buffer, byteOffset, byteLength))
  }
  const body = asLines ? linesBody(page) : jsonBody(page)
  if (encoding === undefined || body.length <= compressOverBytes) return reply.send(body)
  // In zlib's threads, because the largest page would block the event loop for too long.
  compress[encoding](body, (error, compressed) => {
    if (error === null) reply.header('content-encoding', encoding).send(compressed)
    else reply.send(error)
  })
  return reply
}

/**
 * The segment's body as it is stored, compressed, if the page is exactly one segment: so it need not be compressed again. Not
 * for a single message: its stored form has no line feed, which could be added only as a second gzip member or zstd frame,
 * and curl, browsers and Node do not read these.
 */
function storedLines ({ stored, count }: Page): Page['stored'] {
  return count > 1 ? stored : undefined
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

const opening = Buffer.from('{"messages":[')
const comma = 0x2c
const lineFeed = 0x0a

/** A JSON page: the stored lines (log §2.3), copied run by run, with commas in place of the line feeds. */
function jsonBody (page: Page): Buffer {
  const closing = `],"next_offset":${page.nextOffset}${page.closed ? ',"closed":true' : ''}}`
  // One separator fewer than messages.
  const body = Buffer.allocUnsafe(opening.length + Math.max(0, sizeOf(page) - 1) + closing.length)
  body.set(opening)
  const at = copyRuns(page, body, opening.length, comma)
  body.write(closing, page.count === 0 ? at : at - 1, 'latin1')
  return body
}

/** An NDJSON page: the stored lines, each with a line feed. */
function linesBody (page: Page): Buffer {
  const body = Buffer.allocUnsafe(sizeOf(page))
  copyRuns(page, body, 0, lineFeed)
  return body
}

/** Bytes of a page's messages, with one separator after each. */
export function sizeOf ({ runs }: Page): number {
  let size = 0
  for (const { lines, start, stop } of runs) size += lines.end(stop - 1) + 1 - lines.start(start)
  return size
}

/** @returns the position after the copy, which ends with a `separator` */
function copyRuns ({ runs }: Page, body: Buffer, to: number, separator: number): number {
  for (const { lines, start, stop } of runs) {
    const from = lines.start(start)
    const shift = to - from
    body.set(lines.bytes.subarray(from, lines.end(stop - 1)), to)
    // The last line of a buffer may have no line feed that could be copied.
    for (let i = separator === lineFeed ? stop - 1 : start; i < stop; i++) body[lines.end(i) + shift] = separator
    to = lines.end(stop - 1) + 1 + shift
  }
  return to
}
