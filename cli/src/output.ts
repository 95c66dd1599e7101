import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters, styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

/** Text is collected up to this size before it is written within one turn of the event loop. */
const chunkChars = 65_536

/** Standard output: lines for programs, or text for people. */
export class Output {
  readonly #stream = process.stdout
  /** Whether results are JSON, one value a line. */
  readonly json: boolean
  readonly isTerminal: boolean
  readonly #coloured: boolean
  #pending = ''
  #scheduled = false
  #drained: Promise<void> | undefined

  constructor ({ json = false, color = true }: { readonly json?: boolean, readonly color?: boolean }) {
    this.json = json
    this.isTerminal = this.#stream.isTTY
    this.#coloured = color && hasColours(this.#stream)
  }

  style (style: Style, text: string): string {
    return this.#coloured ? styleText(style, text, { validateStream: false }) : text
  }

  /** Lines that are written soon, many at a time. Await `room` before many of them. */
  line (text: string): void {
    this.#pending += `${text}\n`
    if (this.#pending.length >= chunkChars) {
      this.flush()
    } else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => { this.flush() })
    }
  }

  /** A value for programs, in the words of the service. */
  value (value: unknown): void {
    this.line(JSON.stringify(value))
  }

  flush (): void {
    this.#scheduled = false
    if (this.#pending === '') return
    const text = this.#pending
    this.#pending = ''
    if (!this.#stream.write(text)) {
      this.#drained ??= new Promise((resolve) => {
        this.#stream.once('drain', () => {
          this.#drained = undefined
          resolve()
        })
      })
    }
  }

  /** Resolves when the reader of a pipe has taken enough. */
  get room (): Promise<void> | undefined { return this.#drained }

  /** Resolves when everything is written. */
  async end (): Promise<void> {
    this.flush()
    await new Promise<void>((resolve) => { this.#stream.write('', () => { resolve() }) })
  }

  /** Columns that are aligned; without a head in pipes, so that each line is a row. */
  table (head: readonly string[], rows: ReadonlyArray<readonly string[]>, right: readonly number[] = []): void {
    const shown = this.isTerminal ? [head.map((cell) => this.style('bold', cell)), ...rows] : rows
    const widths = head.map((_cell, column) => Math.max(...shown.map((row) => widthOf(row[column] ?? ''))))
    for (const row of shown) {
      const cells = row.map((cell, column) => {
        const fill = ' '.repeat(Math.max(0, widths[column]! - widthOf(cell)))
        return right.includes(column) ? fill + cell : cell + fill
      })
      this.line(cells.join('  ').trimEnd())
    }
  }

  /** Names and values, one a line. */
  pairs (pairs: ReadonlyArray<readonly [string, string]>): void {
    const width = Math.max(...pairs.map(([name]) => name.length))
    for (const [name, value] of pairs) this.line(`${this.style('bold', name.padEnd(width))}  ${value}`)
  }
}

/** Standard error: what is no result. */
export class Notes {
  readonly #quiet: boolean
  readonly json: boolean
  readonly isTerminal = process.stderr.isTTY
  readonly #coloured: boolean

  constructor ({ quiet = false, json = false, color = true }: {
    readonly quiet?: boolean, readonly json?: boolean, readonly color?: boolean
  } = {}) {
    this.#quiet = quiet
    this.json = json
    this.#coloured = color && hasColours(process.stderr)
  }

  /** Progress may be drawn. */
  get isLive (): boolean { return this.isTerminal && !this.#quiet }

  style (style: Style, text: string): string {
    return this.#coloured ? styleText(style, text, { validateStream: false }) : text
  }

  note (text: string): void {
    if (!this.#quiet) process.stderr.write(`${text}\n`)
  }

  warn (text: string): void {
    process.stderr.write(`${this.style('yellow', 'warning:')} ${text}\n`)
  }
}

/** NO_COLOR, FORCE_COLOR and TERM decide, then whether there is a terminal. */
function hasColours (stream: WriteStream): boolean {
  const { NO_COLOR = '', FORCE_COLOR = '' } = process.env
  if (NO_COLOR !== '') return false
  if (FORCE_COLOR !== '') return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return stream.isTTY && stream.hasColors()
}

function widthOf (text: string): number {
  return stripVTControlCharacters(text).length
}

/** What came from others must not steer the terminal. */
export function harmless (text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => (
    `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`))
}

export function grouped (value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `1 message`, `2 messages`. */
export function counted (count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** A time in the zone of the reader. */
export function timeOf (ms: number): string {
  const date = new Date(ms)
  const two = (value: number, digits = 2): string => String(value).padStart(digits, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`
}

export function durationText (ms: number): string {
  for (const [unit, factor] of [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const) {
    if (ms >= factor) return `${Number((ms / factor).toFixed(ms % factor === 0 ? 0 : 1))}${unit}`
  }
  return `${Math.round(ms)}ms`
}

export function sizeText (bytes: number): string {
  for (const [unit, factor] of [['GiB', 1024 ** 3], ['MiB', 1024 ** 2], ['KiB', 1024]] as const) {
    if (bytes >= factor) return `${Number((bytes / factor).toFixed(bytes % factor === 0 ? 0 : 1))} ${unit}`
  }
  return `${bytes} bytes`
}
