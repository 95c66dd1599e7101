import type { FastifyReply, FastifyRequest } from 'fastify'
import { pageBytes, type Page } from '../../../domain/log/log.ts'
import { linesType } from '../bodies/raw-body.ts'
import type { SendBody } from './body-sender.ts'
import { prefers } from './negotiation.ts'

/** Sends the page in the type that the request prefers. */
export type SendPage = (request: FastifyRequest, reply: FastifyReply, page: Page) => Promise<FastifyReply>

export function createPageSender (sendBody: SendBody): SendPage {
  return (request, reply, page) => {
    const asLines = prefers(linesType, request.headers.accept)
    reply
      .header('content-type', asLines ? linesType : 'application/json; charset=utf-8')
      .header('earliest-offset', page.earliest)
      .header('end-offset', page.end)
      .header('next-offset', page.nextOffset)
      .header('vary', 'accept, accept-encoding')
    if (page.closed) reply.header('topic-closed', 'true')
    return sendBody(request, reply, asLines
      ? { size: pageBytes(page), make: () => linesBody(page), stored: storedLines(page) }
      : { size: pageBytes(page), make: () => jsonBody(page) })
  }
}

/**
 * The segment's body as it is stored, compressed, if the page is exactly one segment: so it need not be compressed again. Not
 * for a single message: its stored form has no line feed, which could be added only as a second gzip member or zstd frame,
 * and curl, browsers and Node do not read these.
 */
function storedLines ({ stored, count }: Page): Page['stored'] {
  return count > 1 ? stored : undefined
}

const opening = Buffer.from('{"messages":[')
const comma = 0x2c
const lineFeed = 0x0a

/** A JSON page: the stored lines (log §2.3), copied run by run, with commas in place of the line feeds. */
function jsonBody (page: Page): Buffer {
  const closing = `],"next_offset":${page.nextOffset}${page.closed ? ',"closed":true' : ''}}`
  // One separator fewer than messages.
  const body = Buffer.allocUnsafe(opening.length + Math.max(0, pageBytes(page) - 1) + closing.length)
  body.set(opening)
  const at = copyRuns(page, body, opening.length, comma)
  body.write(closing, page.count === 0 ? at : at - 1, 'latin1')
  return body
}

/** An NDJSON page: the stored lines, each with a line feed. */
function linesBody (page: Page): Buffer {
  const body = Buffer.allocUnsafe(pageBytes(page))
  copyRuns(page, body, 0, lineFeed)
  return body
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
