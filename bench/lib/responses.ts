/** Where HTTP/1.1 answers end: as little of a parser as a load generator can do with, because its time is the server's too. */
export interface Answer {
  readonly status: number
  /** Bytes of head and body together. */
  readonly length: number
}

const headEnd = Buffer.from('\r\n\r\n')
const lastChunk = Buffer.from('0\r\n\r\n')

/** The first answer in `data`, or undefined while it is not all there. */
export function firstAnswer (data: Buffer): Answer | undefined {
  const end = data.indexOf(headEnd)
  if (end === -1) return undefined
  const head = data.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const body = end + headEnd.length
  // These two have no body, whatever the head says.
  if (status === 204 || status === 304) return { status, length: body }
  const given = /content-length: *(\d+)/i.exec(head)
  if (given !== null) {
    const length = body + Number(given[1])
    return data.length < length ? undefined : { status, length }
  }
  if (/transfer-encoding: *chunked/i.test(head)) {
    const last = data.indexOf(lastChunk, body)
    return last === -1 ? undefined : { status, length: last + lastChunk.length }
  }
  throw new Error(`an answer without a length: ${head}`)
}
