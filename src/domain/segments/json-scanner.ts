import { defaultLimits } from '../limits.ts'

/** The UTF-16 code units of a text. Reading an array is several times faster than `charCodeAt` on a string. */
export type CodeUnits = Uint8Array | Uint16Array

/** @param utf8 the text's bytes; for an ASCII text they are also its code units */
export function codeUnits (text: string, utf8: Uint8Array): CodeUnits {
  if (utf8.length === text.length) return utf8
  const units = new Uint16Array(text.length)
  Buffer.from(units.buffer).write(text, 'utf16le')
  return units
}

/** Callbacks of a {@link JsonScanner}. Positions are indexes into its text. */
export interface JsonHandler {
  /**
   * A value begins.
   * @param c the code of its first character
   * @returns true to get callbacks for the inside of an object or array; with false the value is only checked
   */
  begin (c: number): boolean
  /** A value that was only checked has ended. */
  end (start: number, end: number): void
  /** The name of a member, quotes included. The member's value follows. */
  name (start: number, end: number): void
  /** An object or array whose inside was reported has ended. */
  leave (): void
}

/**
 * Checks JSON text and reports the positions of its values, without building them: payloads are stored exactly as they
 * were sent, including numbers beyond 2^53 and key order (log §2.3). Accepts the same texts as `JSON.parse`, but limits the
 * nesting of the values that it only checks. Can stop anywhere, even inside a token, so that a large text can be read in
 * slices:
 *
 *     const scanner = new JsonScanner(codeUnits(text, utf8), handler)
 *     while (!scanner.run(scanner.at + 65_536)) await turns.next()
 */
export class JsonScanner {
  readonly #units: CodeUnits
  readonly #handler: JsonHandler
  readonly #nestingMax: number
  #end: number
  #at: number
  #expect: Expect = VALUE
  /** The closing brackets that are still expected, outermost first. No recursion, because the client decides about the depth. */
  readonly #open: number[] = []
  /** Number of open brackets around the value that is only checked; -1 outside of such a value. */
  #checkedFrom = -1
  /** Position at which that value begins. */
  #start = 0
  #nameStart = 0

  /** Reads one value, with white space around it. @param nestingMax levels of objects and arrays in a value that is only checked */
  constructor (units: CodeUnits, handler: JsonHandler, nestingMax: number = defaultLimits.payloadNestingMax) {
    this.#units = units
    this.#handler = handler
    this.#nestingMax = nestingMax
    this.#at = 0
    this.#end = units.length
  }

  /** Prepares for the next value. To be called after `run` has returned true. */
  restart (start: number, end: number): void {
    this.#at = start
    this.#end = end
    this.#expect = VALUE
  }

  /** Everything before this position has been read. */
  get at (): number { return this.#at }

  /**
   * Continues up to `limit`, or a few characters further, because escapes and literals are not split.
   * @returns whether everything has been read
   * @throws JsonSyntaxError, JsonNestingError
   */
  run (limit: number): boolean {
    const units = this.#units
    const end = this.#end
    const open = this.#open
    const stop = Math.min(limit, end)
    let at = this.#at
    let expect = this.#expect
    for (;;) {
      if (expect < STRING) {
        if (at >= stop) break
        const c = units[at]!
        if (c <= 0x20 && isSpace(c)) {
          do at++; while (at < stop && isSpace(units[at]!))
          continue
        }
        const close = open.length === 0 ? 0 : open[open.length - 1]!
        if (expect === FIRST) expect = c === close ? AFTER : close === CLOSE_BRACE ? NAME : VALUE

        if (expect === AFTER) {
          if (close === 0) throw new JsonSyntaxError(at)
          if (c === COMMA) expect = close === CLOSE_BRACE ? NAME : VALUE
          else if (c === close) {
            open.pop()
            if (this.#checkedFrom < 0) this.#handler.leave()
            else this.#ended(at + 1)
          } else throw new JsonSyntaxError(at)
          at++
        } else if (expect === NAME) {
          if (c !== QUOTE) throw new JsonSyntaxError(at)
          this.#nameStart = at++
          expect = NAME_STRING
        } else if (expect === COLON) {
          if (c !== COLON_SIGN) throw new JsonSyntaxError(at)
          at++
          expect = VALUE
        } else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
          this.#begin(at, c)
          if (this.#checkedFrom >= 0 && open.length - this.#checkedFrom >= this.#nestingMax) throw new JsonNestingError(this.#start)
          open.push(c + 2) // } is { + 2, and ] is [ + 2
          at++
          expect = FIRST
        } else {
          this.#begin(at, c)
          if (c === QUOTE) {
            at++
            expect = STRING
          } else if (c === MINUS || isDigit(c)) {
            at = c === MINUS ? pastFirstDigit(units, at) : at + 1
            expect = units[at - 1]! === 0x30 ? ZERO : INTEGER
          } else {
            at = endOfLiteral(units, at, c)
            expect = AFTER
            this.#ended(at)
          }
        }
      }

      if (expect === STRING || expect === NAME_STRING) {
        at = endOfString(units, at, stop)
        if (at < 0) {
          at = ~at
          break
        }
        if (expect === STRING) {
          expect = AFTER
          this.#ended(at)
        } else {
          expect = COLON
          if (this.#checkedFrom < 0) this.#handler.name(this.#nameStart, at)
        }
      } else if (expect >= ZERO) {
        if (expect !== ZERO) at = endOfDigits(units, at, stop)
        if (at >= stop && at < end) break
        expect = numberPart(units[at]!, expect)
        if (expect === AFTER) this.#ended(at)
        else at = pastFirstDigit(units, at)
      }
    }
    this.#at = at
    this.#expect = expect
    if (at < end) return false
    if (expect === AFTER && open.length === 0) return true
    throw new JsonSyntaxError(end)
  }

  #begin (at: number, c: number): void {
    if (this.#checkedFrom >= 0 || (this.#handler.begin(c) && (c === OPEN_BRACE || c === OPEN_BRACKET))) return
    this.#checkedFrom = this.#open.length
    this.#start = at
  }

  /** A value has ended at `at`: either the value that is only checked, or a value inside it. */
  #ended (at: number): void {
    if (this.#open.length !== this.#checkedFrom) return
    this.#checkedFrom = -1
    this.#handler.end(this.#start, at)
  }
}

export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
  /** Position of the first invalid character; the end of the text if the text is incomplete. */
  readonly at: number

  constructor (at: number) {
    super()
    this.at = at
  }
}

/** A value is nested more deeply than `payloadNestingMax`. */
export class JsonNestingError extends Error {
  override readonly name = 'JsonNestingError'
  /** Position at which the value begins. */
  readonly start: number

  constructor (start: number) {
    super()
    this.start = start
  }
}

/** Builds a value from its JSON text, which a scanner has checked. */
export function parseValue (raw: string): unknown {
  return raw.charCodeAt(0) === QUOTE && !raw.includes('\\') ? raw.slice(1, -1) : JSON.parse(raw)
}

/**
 * Puts valid JSON on one line. Its line breaks can only be white space between tokens (inside a string they are escaped),
 * so replacing them by spaces changes no value.
 */
export function onOneLine (json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]/g, ' ') : json
}

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const COLON_SIGN = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const NULL = Buffer.from('null')

/** Between tokens, where white space is skipped: a value is expected. */
const VALUE = 0
/** After an opening bracket: the first member or element, or the closing bracket. */
const FIRST = 1
const NAME = 2
const COLON = 3
/** After a value: a comma, a closing bracket, or the end. */
const AFTER = 4
/** From here on inside a token. */
const STRING = 5
const NAME_STRING = 6
/** After a leading 0, which is the whole integer part of a number. */
const ZERO = 7
const INTEGER = 8
const FRACTION = 9
const EXPONENT = 10
type Expect = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10

function isSpace (c: number): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09
}

/**
 * @param at a position inside the string
 * @returns the position after its closing quote; `~n` if the string continues at `n`, which is `stop` or a little more
 */
function endOfString (units: CodeUnits, at: number, stop: number): number {
  for (; at < stop; at++) {
    const c = units[at]!
    if (c === QUOTE) return at + 1
    if (c === BACKSLASH) at = endOfEscape(units, at)
    else if (c < 0x20) throw new JsonSyntaxError(at)
  }
  return ~at
}

/** @param at position of the backslash @returns the last position of the escape */
function endOfEscape (units: CodeUnits, at: number): number {
  switch (units[at + 1]!) {
    case QUOTE: case BACKSLASH: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: return at + 1
    case 0x75:
      for (let i = at + 2; i < at + 6; i++) {
        const c = units[i]!
        const letter = c | 0x20
        if (!isDigit(c) && !(letter >= 0x61 && letter <= 0x66)) throw new JsonSyntaxError(i)
      }
      return at + 5
    default: throw new JsonSyntaxError(at + 1)
  }
}

function endOfLiteral (units: CodeUnits, at: number, c: number): number {
  const literal = c === 0x74 ? TRUE : c === 0x66 ? FALSE : NULL
  for (let i = 0; i < literal.length; i++) if (units[at + i] !== literal[i]) throw new JsonSyntaxError(at + i)
  return at + literal.length
}

/** @param at position of a minus sign, a decimal point or an `e` @returns the position after the digit that must follow */
function pastFirstDigit (units: CodeUnits, at: number): number {
  const signed = (units[at]! | 0x20) === 0x65
  const c = units[++at]!
  if (signed && (c === 0x2b || c === MINUS)) at++
  if (!isDigit(units[at]!)) throw new JsonSyntaxError(at)
  return at + 1
}

/** The part of a number that begins with `c`, after the digits of `part`; `AFTER` if the number ends there. */
function numberPart (c: number, part: Expect): Expect {
  if (c === DOT && (part === ZERO || part === INTEGER)) return FRACTION
  return (c | 0x20) === 0x65 && part !== EXPONENT ? EXPONENT : AFTER
}

function endOfDigits (units: CodeUnits, at: number, stop: number): number {
  while (at < stop && isDigit(units[at]!)) at++
  return at
}

function isDigit (c: number): boolean {
  return c >= 0x30 && c <= 0x39
}
