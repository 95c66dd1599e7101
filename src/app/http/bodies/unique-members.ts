import { codeUnits, type JsonHandler, JsonScanner, parseValue } from '../../../domain/segments/json-scanner.ts'
import { show } from '../validation.ts'

/**
 * Finds the first member that an object has twice. `JSON.parse` would keep the last one, and others the first. Objects in arrays
 * are not searched.
 * @param text valid JSON
 * @returns its path in words, such as `rate.messages`
 */
export function repeatedMember (text: string): string | undefined {
  const members = new Members(text)
  new JsonScanner(codeUnits(text, Buffer.from(text)), members, Infinity).run(text.length)
  return members.repeated
}

class Members implements JsonHandler {
  repeated: string | undefined
  readonly #text: string
  /** Of the objects around the position, outermost first. */
  readonly #names: Array<Set<string>> = []
  /** The members around it, in words. */
  readonly #path: string[] = []

  constructor (text: string) {
    this.#text = text
  }

  begin (c: number): boolean {
    if (c === OPEN_BRACE) this.#names.push(new Set())
    return c === OPEN_BRACE
  }

  name (start: number, end: number): void {
    const name = parseValue(this.#text.slice(start, end)) as string
    const names = this.#names.at(-1)!
    this.#path.push(show.name(name))
    if (names.has(name)) this.repeated ??= this.#path.join('.')
    names.add(name)
  }

  end (): void {
    this.#path.pop()
  }

  leave (): void {
    this.#names.pop()
    this.#path.pop()
  }
}

const OPEN_BRACE = 0x7b
