import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Page } from '../domain/log.ts'

/** Answers with the page, in the form that the request accepts. */
export function sendPage (_request: FastifyRequest, reply: FastifyReply, page: Page): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(pageBody(page))
}

const opening = Buffer.from('{"messages":[')
const comma = 0x2c

/** The stored lines as they are, joined into one buffer (log §2.3). */
function pageBody ({ lines, nextOffset }: Page): Buffer {
  const closing = `],"next_offset":${nextOffset}}`
  let length = opening.length + closing.length + Math.max(0, lines.length - 1)
  for (const line of lines) length += line.length
  const body = Buffer.allocUnsafe(length)
  body.set(opening)
  let at = opening.length
  for (let i = 0; i < lines.length; i++) {
    if (i > 0) body[at++] = comma
    body.set(lines[i]!, at)
    at += lines[i]!.length
  }
  body.write(closing, at, 'latin1')
  return body
}
