import type { IncomingMessage } from 'node:http'
import { LogError } from '../../domain/errors.ts'

/** Where a token is missing (RFC 6750, 3). */
export const challenge = 'Bearer realm="streams"'
/** Where a token is not valid. */
export const invalidChallenge = `${challenge}, error="invalid_token"`

/** RFC 6750, 2.1: the scheme in any case, one space or more, and a `b64token`. */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i

/**
 * The token of a request. No other place is looked at: the query string of a URL ends up in logs and histories.
 * @throws LogError `unauthorized`
 */
export function bearerOf ({ headers: { authorization }, rawHeaders }: IncomingMessage, bytesMax: number): string {
  if (authorization === undefined || authorization === '') throw unauthorized('expected a bearer token, got none')
  if (authorization.length > bytesMax) throw unauthorized(`expected at most ${bytesMax} bytes, got more`)
  // Node keeps the first only, but a proxy may have looked at the last.
  if (hasSeveral(rawHeaders)) throw unauthorized('expected one header of that name, got more')
  const token = bearer.exec(authorization)?.[1]
  if (token === undefined) throw unauthorized('expected "Bearer", a space and a token, got another form')
  return token
}

/** @param what the rest of a text about the header; nothing of the header itself */
export function unauthorized (what: string): LogError {
  return new LogError('unauthorized', `authorization: ${what}`)
}

function hasSeveral (rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 13 && name.toLowerCase() === 'authorization') count++
  }
  return count > 1
}
