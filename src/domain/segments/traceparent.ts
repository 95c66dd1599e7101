import type { Limits } from '../limits.ts'
import { type NewMessage, parseMessage } from './message.ts'

const name = 'traceparent'

type TraceparentBounds = Pick<Limits, 'traceLinksMax' | 'tracedMessageBytesMax'>

/** The header `traceparent` of each message that has it (https://www.w3.org/TR/trace-context/). What is in it is not checked. */
export function traceparentsOfNew (messages: readonly NewMessage[], { traceLinksMax }: TraceparentBounds): string[] {
  return messages.slice(0, traceLinksMax).flatMap(({ headers }) => traceparentIn(headers))
}

/** The same for stored lines. */
export function traceparentsOfLines (lines: Iterable<Uint8Array>, { traceLinksMax, tracedMessageBytesMax }: TraceparentBounds): string[] {
  const found: string[] = []
  let count = 0
  for (const line of lines) {
    if (count++ >= traceLinksMax) break
    // A payload may have the text, too, so a hit says only that it is worth parsing.
    if (line.length <= tracedMessageBytesMax && Buffer.from(line.buffer, line.byteOffset, line.length).includes(`"${name}"`)) {
      found.push(...traceparentIn(parseMessage(line).headers))
    }
  }
  return found
}

/** @param headers JSON text of an object; lines of other implementations may have anything there */
function traceparentIn (headers: string | undefined): string[] {
  if (headers?.includes(`"${name}"`) !== true) return []
  const value = (JSON.parse(headers) as Record<string, unknown> | null)?.[name]
  return typeof value === 'string' ? [value] : []
}
