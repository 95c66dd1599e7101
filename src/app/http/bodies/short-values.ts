import { parseValue } from '../../../domain/segments/json-scanner.ts'

/** The values in a JSON text that can be valid only if they are short. */
export class ShortValues {
  readonly #text: string
  readonly #textCharsMax: number

  /** @param textCharsMax a string with more characters, quotes and escapes included, is not unescaped */
  constructor (text: string, textCharsMax: number) {
    this.#text = text
    this.#textCharsMax = textCharsMax
  }

  /** Whether the value is a string that is too long to be valid anywhere. */
  isLongString (start: number, end: number): boolean {
    return end - start > this.#textCharsMax && this.#text.charCodeAt(start) === QUOTE
  }

  /** The string; only its beginning if it is too long. */
  string (start: number, end: number): string {
    const text = this.#text
    return end - start > this.#textCharsMax
      ? text.slice(start + 1, start + this.#textCharsMax)
      : parseValue(text.slice(start, end)) as string
  }

  /** The value, or a short value of the same type if it can be valid only in a payload. */
  standIn (start: number, end: number): unknown {
    const text = this.#text
    switch (text.charCodeAt(start)) {
      case QUOTE: return this.string(start, end)
      case OPEN_BRACKET: return []
      case OPEN_BRACE: return {}
      // Of a number with a million digits, the beginning is enough for the error message.
      default:
        return end - start > this.#textCharsMax
          ? Number.parseFloat(text.slice(start, start + this.#textCharsMax))
          : JSON.parse(text.slice(start, end))
    }
  }
}

const QUOTE = 0x22
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b
