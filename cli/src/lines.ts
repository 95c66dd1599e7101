import { isUtf8 } from 'node:buffer'
import { open } from 'node:fs/promises'
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
const chunkBytes = 256 * 1024

/**
 * The lines of a stream, some at a time. Their text must be UTF-8. Chunks may be reused as soon as the next one is asked for.
 * @throws CommandError that names the line
 */
export async function * linesOf (chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Line[], void, undefined> {
  let position = 0
  let number = 0
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of chunks) {
    const lines: Line[] = []
    let start = 0
    // Of all lines at once, as it is much quicker. A character that a cut has split is in the rest, or makes another look.
    const valid = isUtf8(chunk.subarray(0, chunk.lastIndexOf(lineFeed) + 1))
    for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, start)) {
      number++
      const cut = restBytes > 0
      const bytes = cut ? Buffer.concat([...rest, chunk.subarray(start, at)]) : chunk
      const length = restBytes + at - start
      position += length + 1
      lines.push({
        text: cut || !valid ? decode(cut ? bytes : chunk.subarray(start, at), `${name}:${number}`) : decodeValid(chunk, start, at),
        number,
        end: position
      })
      rest = []
      restBytes = 0
      start = at + 1
    }
    if (start < chunk.length) {
      rest.push(Buffer.from(chunk.subarray(start)))
      restBytes += chunk.length - start
      if (restBytes > lineBytesMax) {
        throw new CommandError(`${name}:${number + 1}: expected a line of at most 4 MiB, got a longer one`)
      }
    }
    if (lines.length > 0) yield lines
  }
  if (restBytes > 0) {
    yield [{ text: decode(Buffer.concat(rest), `${name}:${number + 1}`), number: number + 1, end: position + restBytes }]
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode (bytes: Buffer, place: string): string {
  try {
    return withoutReturn(decoder.decode(bytes))
  } catch {
    throw new CommandError(`${place}: expected UTF-8, got other bytes`)
  }
}

function decodeValid (bytes: Buffer, start: number, end: number): string {
  return withoutReturn(bytes.toString('utf8', start, end))
}

function withoutReturn (text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text
}

/** The bytes of a file, always in the same memory: a large file leaves no garbage. */
export async function * bytesOf (path: string): AsyncGenerator<Buffer, void, undefined> {
  const file = await open(path)
  try {
    const buffer = Buffer.allocUnsafeSlow(chunkBytes)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
