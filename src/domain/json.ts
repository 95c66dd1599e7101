/**
 * Goes through JSON text and cuts raw values out of it, without building them: what a client sent comes back exactly as
 * it was sent, numbers beyond 2^53 and key order included (log §2.3). It takes exactly what `JSON.parse` takes, so that
 * what it has gone through needs no parsing; with the values left unbuilt it is the faster of the two.
 *
 *     const scanner = new JsonScanner(text)
 *     for (let more = scanner.enter(); more; more = scanner.next()) members.push([scanner.name(), scanner.value()])
 *     scanner.end()
 *
 * Every method throws {@link JsonSyntaxError}.
 */
export class JsonScanner {
  readonly #text: string
  #at: number

  /** @param at where to begin; white space there is passed over */
  constructor (text: string, at = 0) {
    this.#text = text
    this.#at = skipSpace(text, at)
  }

  get at (): number { return this.#at }

  /** Whether an object begins here. */
  get isObject (): boolean { return this.#text.charCodeAt(this.#at) === OPEN_BRACE }

  /** Whether an array begins here. */
  get isArray (): boolean { return this.#text.charCodeAt(this.#at) === OPEN_BRACKET }

  /** Into the object or array that begins here. @returns false if it is empty; then it lies behind */
  enter (): boolean {
    const text = this.#text
    const close = text.charCodeAt(this.#at) + 2 // } is { + 2, and ] is [ + 2
    const at = skipSpace(text, this.#at + 1)
    const empty = text.charCodeAt(at) === close
    this.#at = empty ? at + 1 : at
    return !empty
  }

  /**
   * From behind a value to the next one, past the comma.
   * @param close the bracket that ends what was entered
   * @returns false if that was the last one; then the object or array lies behind
   */
  next (close: '}' | ']'): boolean {
    const text = this.#text
    const at = skipSpace(text, this.#at)
    const c = text.charCodeAt(at)
    if (c === COMMA) {
      this.#at = skipSpace(text, at + 1)
      return true
    }
    if (c !== (close === '}' ? CLOSE_BRACE : CLOSE_BRACKET)) throw new JsonSyntaxError()
    this.#at = at + 1
    return false
  }

  /** A member's name, unescaped; goes on to its value. */
  name (): string {
    const text = this.#text
    const at = this.#at
    if (text.charCodeAt(at) !== QUOTE) throw new JsonSyntaxError()
    const end = endOfString(text, at)
    this.#at = pastColon(text, end)
    const raw = text.slice(at + 1, end - 1)
    return raw.includes('\\') ? JSON.parse(text.slice(at, end)) as string : raw
  }

  /** The text of the value, without white space around it; goes behind it. */
  value (): string {
    const at = this.#at
    this.#at = endOfValue(this.#text, at)
    return this.#text.slice(at, this.#at)
  }

  /** Past white space. */
  space (): number {
    this.#at = skipSpace(this.#text, this.#at)
    return this.#at
  }

  /** Nothing but white space may be left. */
  end (): void {
    if (this.space() !== this.#text.length) throw new JsonSyntaxError()
  }
}

/** Where and why is for `JSON.parse` to say: it refuses the same text. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
}

/** The value of JSON text that a scanner has cut out. */
export function parseValue (raw: string): unknown {
  return raw.charCodeAt(0) === QUOTE && !raw.includes('\\') ? raw.slice(1, -1) : JSON.parse(raw)
}

/**
 * Valid JSON on one line. Line ends can only be white space between tokens there (inside a string they are escaped),
 * so a space in their place changes no value.
 */
export function onOneLine (json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]/g, ' ') : json
}

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** The closing brackets that a value in progress waits for, outermost first. A stack of our own: depth is up to the client. */
let open = new Uint8Array(256)

function endOfValue (text: string, at: number): number {
  let depth = 0
  for (;;) {
    const c = text.charCodeAt(at)
    if (c === QUOTE) at = endOfString(text, at)
    else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      const close = c + 2
      at = skipSpace(text, at + 1)
      if (text.charCodeAt(at) !== close) {
        if (depth === open.length) open = enlarged(open)
        open[depth++] = close
        if (c === OPEN_BRACE) at = pastName(text, at)
        continue
      }
      at++
    } else at = endOfScalar(text, at, c)

    for (;;) {
      if (depth === 0) return at
      at = skipSpace(text, at)
      const close = open[depth - 1]!
      const c = text.charCodeAt(at)
      if (c === COMMA) {
        at = skipSpace(text, at + 1)
        if (close === CLOSE_BRACE) at = pastName(text, at)
        break
      }
      if (c !== close) throw new JsonSyntaxError()
      depth--
      at++
    }
  }
}

function enlarged (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 4)
  larger.set(bytes)
  return larger
}

function skipSpace (text: string, at: number): number {
  let c = text.charCodeAt(at)
  while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = text.charCodeAt(++at)
  return at
}

function pastName (text: string, at: number): number {
  if (text.charCodeAt(at) !== QUOTE) throw new JsonSyntaxError()
  return pastColon(text, endOfString(text, at))
}

function pastColon (text: string, at: number): number {
  at = skipSpace(text, at)
  if (text.charCodeAt(at) !== COLON) throw new JsonSyntaxError()
  return skipSpace(text, at + 1)
}

/** Up to here a loop is faster than calls of `indexOf` and `JSON.parse`. */
const shortString = 100

/** @param at where the opening quote is; @returns the position behind the closing one */
function endOfString (text: string, at: number): number {
  let near = at + shortString
  for (;;) {
    while (++at < near) {
      const c = text.charCodeAt(at)
      if (c === QUOTE) return at + 1
      if (c === BACKSLASH) at = endOfEscape(text, at)
      // So that NaN, behind the end, is wrong as well.
      else if (!(c >= 0x20)) throw new JsonSyntaxError()
    }
    const close = text.indexOf('"', at)
    if (close === -1) throw new JsonSyntaxError()
    if (text.charCodeAt(close - 1) !== BACKSLASH) {
      checkString(`"${text.slice(at, close + 1)}`)
      return close + 1
    }
    // To the quote, which is probably escaped, and a little on; looking for the next one at once could take forever.
    near = close + shortString
    at--
  }
}

function checkString (json: string): void {
  try {
    JSON.parse(json)
  } catch {
    throw new JsonSyntaxError()
  }
}

/** @param at where the backslash is; @returns the escape's last position */
function endOfEscape (text: string, at: number): number {
  switch (text.charCodeAt(at + 1)) {
    case QUOTE: case BACKSLASH: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74: return at + 1
    case 0x75:
      for (let i = at + 2; i < at + 6; i++) {
        const c = text.charCodeAt(i)
        const letter = c | 0x20
        if (!isDigit(c) && !(letter >= 0x61 && letter <= 0x66)) throw new JsonSyntaxError()
      }
      return at + 5
    default: throw new JsonSyntaxError()
  }
}

/** A number, `true`, `false` or `null`. What may stand behind it, is its container's business. */
function endOfScalar (text: string, at: number, c: number): number {
  if (c === 0x74 && text.startsWith('true', at)) return at + 4
  if (c === 0x66 && text.startsWith('false', at)) return at + 5
  if (c === 0x6e && text.startsWith('null', at)) return at + 4
  if (c === MINUS) c = text.charCodeAt(++at)
  at = c === 0x30 ? at + 1 : endOfDigits(text, at)
  c = text.charCodeAt(at)
  if (c === DOT) {
    at = endOfDigits(text, at + 1)
    c = text.charCodeAt(at)
  }
  if (c === 0x65 || c === 0x45) {
    c = text.charCodeAt(++at)
    at = endOfDigits(text, c === 0x2b || c === MINUS ? at + 1 : at)
  }
  return at
}

function endOfDigits (text: string, at: number): number {
  if (!isDigit(text.charCodeAt(at))) throw new JsonSyntaxError()
  do at++; while (isDigit(text.charCodeAt(at)))
  return at
}

function isDigit (c: number): boolean {
  return c >= 0x30 && c <= 0x39
}
