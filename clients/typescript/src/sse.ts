import { StreamsError } from './errors.ts'

/** A block of a stream of server-sent events. Its `data` is absent where only the position moved, or at a heartbeat. */
export interface StreamEvent {
  readonly event: string | undefined
  readonly id: string | undefined
  readonly data: string | undefined
}

/** The largest message has 4 MiB. What never ends must not fill the memory. */
const blockCharsMax = 2 ** 24

/**
 * Parses server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Unlike `EventSource`, it gives blocks
 * without data, too: the service moves the position with them. Lines end with LF or CRLF.
 */
export class EventParser {
  readonly #decoder = new TextDecoder()
  #rest = ''
  /** How much of the rest has no end of a block. */
  #searched = 0

  /** @returns the blocks that end in these bytes; one that was cut waits for the next */
  push (bytes: Uint8Array): StreamEvent[] {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true })
    const events: StreamEvent[] = []
    let start = 0
    let from = this.#searched
    for (;;) {
      const end = /\r?\n\r?\n/g
      end.lastIndex = from
      const found = text.indexOf('\r', from) === -1 ? indexOfBlank(text, from) : end.exec(text)
      if (found === null) break
      events.push(blockOf(text.slice(start, found.index)))
      from = start = found.index + found[0].length
    }
    this.#rest = text.slice(start)
    if (this.#rest.length > blockCharsMax) throw tooLong()
    // The end itself may be cut.
    this.#searched = Math.max(0, this.#rest.length - 3)
    return events
  }
}

function tooLong (): StreamsError {
  return new StreamsError(`stream: an event of more than ${blockCharsMax} characters`, { code: 'invalid_answer' })
}

/** What the regular expression would find, quicker. */
function indexOfBlank (text: string, start: number): { readonly index: number, readonly 0: string } | null {
  const index = text.indexOf('\n\n', start)
  return index === -1 ? null : { index, 0: '\n\n' }
}

function blockOf (text: string): StreamEvent {
  let event: string | undefined
  let id: string | undefined
  let data: string | undefined
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'id') id = value
    else if (name === 'event') event = value
    else if (name === 'data') data = data === undefined ? value : `${data}\n${value}`
  }
  return { event, id, data }
}
