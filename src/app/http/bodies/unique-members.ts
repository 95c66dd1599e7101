import { codeUnits, type JsonHandler, JsonNestingError, JsonScanner, parseValue } from '../../../domain/segments/json-scanner.ts'
import { show } from '../validation.ts'

/** No body that is small has more levels. What is deeper is refused by its schema, whatever names it has. */
const LEVELS_MAX = 8

/**
 * Finds a member that an object has twice: of these, `JSON.parse` takes the last one without a word.
 * @param text valid JSON
 * @param utf8 the same in bytes
 * @returns the member's path, such as `ack.0.lease_id`; `undefined` if there is none
 */
export function repeatedMember (text: string, utf8: Uint8Array): string | undefined {
  const names = new Names(text)
  try {
    new JsonScanner(codeUnits(text, utf8), names).run(text.length)
  } catch (error) {
    // Of a value below the levels that are looked at.
    if (!(error instanceof JsonNestingError)) throw error
  }
  return names.repeated
}

interface Level {
  /** Those of an object; an array has none. */
  readonly names: Set<string> | undefined
  /** The member or the element that was begun last. */
  at: string | number
}

class Names implements JsonHandler {
  repeated: string | undefined
  readonly #text: string
  readonly #levels: Level[] = []

  constructor (text: string) {
    this.#text = text
  }

  begin (c: number): boolean {
    const level = this.#levels.at(-1)
    if (level !== undefined && typeof level.at === 'number') level.at++
    if ((c !== OPEN_BRACE && c !== OPEN_BRACKET) || this.#levels.length === LEVELS_MAX) return false
    this.#levels.push(c === OPEN_BRACE ? { names: new Set(), at: '' } : { names: undefined, at: -1 })
    return true
  }

  name (start: number, end: number): void {
    const level = this.#levels.at(-1)!
    const name = parseValue(this.#text.slice(start, end)) as string
    level.at = name
    if (level.names!.has(name)) this.repeated ??= this.#levels.map(({ at }) => show.name(String(at))).join('.')
    level.names!.add(name)
  }

  leave (): void {
    this.#levels.pop()
  }

  end (): void {}
}

const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b
