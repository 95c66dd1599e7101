import type { Message } from '../../clients/typescript/src/index.ts'
import { harmless, type Output, timeOf } from './output.ts'

/** A message as the service writes it; its payload is JSON text. */
export function lineOf ({ offset, payload, timestamp, key, headers }: Message<string>): string {
  return `{"offset":${offset},"payload":${payload},"timestamp":${timestamp}` + (key === undefined ? '' : `,"key":${JSON.stringify(key)}`) +
    (headers === undefined ? '' : `,"headers":${JSON.stringify(headers)}`) + '}'
}

/** Shows messages to people, in columns that grow with what is in them. */
export class MessagePrinter {
  readonly #out: Output
  #offsetWidth = 1
  #keyWidth = 0

  constructor (out: Output) {
    this.#out = out
  }

  print ({ offset, payload, timestamp, key, headers = {} }: Message<string>): void {
    const number = String(offset)
    this.#offsetWidth = Math.max(this.#offsetWidth, number.length)
    const shownKey = key === undefined ? '' : harmless(key)
    this.#keyWidth = Math.max(this.#keyWidth, Math.min(shownKey.length, 24))
    const cells = [this.#out.style('yellow', number.padStart(this.#offsetWidth)), this.#out.style('dim', timeOf(timestamp))]
    if (this.#keyWidth > 0) cells.push(this.#out.style('cyan', shownKey.padEnd(this.#keyWidth)))
    cells.push(coloured(harmless(payload), this.#out))
    const shown = Object.entries(headers).map(([name, value]) => `${harmless(name)}=${harmless(value)}`)
    if (shown.length > 0) cells.push(this.#out.style('dim', shown.join(' ')))
    this.#out.line(cells.join('  '))
  }
}

/** JSON with colours: names of members, strings, and what is neither. */
function coloured (text: string, out: Output): string {
  return text.replace(/("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|true|false|null/g, (token: string, quoted?: string, colon?: string) => {
    if (colon !== undefined) return `${out.style('blue', quoted!)}${colon}`
    return out.style(quoted === undefined ? 'magenta' : 'green', token)
  })
}
