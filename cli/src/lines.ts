import type { Readable } from 'node:stream'
import { CommandError } from './failures.ts'

/** A line of a file. */
export interface Line {
  readonly text: string
  /** From 1. */
  readonly number: number
  /** In bytes from the beginning of the file: of what comes after the line. */
  readonly end: number
}

/** A message has at most 4 MiB, and a line some more for its other members. */
const lineBytesMax = 5 * 1024 * 1024
const lineFeed = 10

/**
 * The lines of a stream, some at a time. Their text must be UTF-8.
 * @param from where the stream begins in its file
 * @throws CommandError that names the line
 */
export async function * linesOf (
  stream: Readable, name: string, from: { readonly position: number, readonly line: number } = { position: 0, line: 0 }
): AsyncGenerator<Line[], void, undefined> {
  let { position, line: number } = from
  let rest: Buffer[] = []
  let restBytes = 0
  const take = (bytes: Buffer, consumed: number): Line => {
    number++
    position += consumed
    return { text: decode(bytes, `${name}:${number}`), number, end: position }
  }
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines: Line[] = []
    let start = 0
    for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, start)) {
      const part = chunk.subarray(start, at)
      const bytes = rest.length === 0 ? part : Buffer.concat([...rest, part])
      lines.push(take(bytes, bytes.length + 1))
      rest = []
      restBytes = 0
      start = at + 1
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start))
      restBytes += chunk.length - start
      if (restBytes > lineBytesMax) {
        throw new CommandError(`${name}:${number + 1}: expected a line of at most 4 MiB, got a longer one`)
      }
    }
    if (lines.length > 0) yield lines
  }
  if (restBytes > 0) {
    const bytes = Buffer.concat(rest)
    yield [take(bytes, bytes.length)]
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function decode (bytes: Buffer, place: string): string {
  try {
    const text = decoder.decode(bytes)
    return text.endsWith('\r') ? text.slice(0, -1) : text
  } catch {
    throw new CommandError(`${place}: expected UTF-8, got other bytes`)
  }
}
