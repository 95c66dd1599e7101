/** Kinds of values of the context. On the command line all are texts; in cdk.json they have types. */

export interface Kind<T> {
  /** In words, for messages. */
  readonly expected: string
  /** `undefined` if the value is not of this kind. */
  readonly parse: (value: unknown) => T | undefined
}

export function text (pattern: RegExp, expected: string): Kind<string> {
  return { expected, parse: (value) => typeof value === 'string' && pattern.test(value) ? value : undefined }
}

export function oneOf<const T extends string> (names: readonly T[]): Kind<T> {
  return { expected: names.join(' or '), parse: (value) => names.find((name) => name === value) }
}

export function number (min: number, max: number): Kind<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    parse (value) {
      const parsed = typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : value
      return typeof parsed === 'number' && Number.isSafeInteger(parsed) && parsed >= min && parsed <= max ? parsed : undefined
    }
  }
}

export const flag: Kind<boolean> = {
  expected: 'true or false',
  parse: (value) => value === true || value === 'true' ? true : value === false || value === 'false' ? false : undefined
}

export const secureUrl = text(/^https:\/\/[^\s/]+\S*$/, 'a URL that begins with https://')

/** An object, or its JSON, whose values are texts, numbers or booleans. */
export function record (names: readonly string[]): Kind<Readonly<Record<string, string>>> {
  return {
    expected: `an object such as {"RETENTION_MS":"604800000"} with some of ${names.join(', ')}`,
    parse (value) {
      const entries = Object.entries(objectOf(value) ?? { '': '' })
      const isRight = ([name, item]: [string, unknown]) => names.includes(name) && ['string', 'number', 'boolean'].includes(typeof item)
      return entries.every(isRight) ? Object.fromEntries(entries.map(([name, item]) => [name, String(item)])) : undefined
    }
  }
}

export function show (value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

function objectOf (value: unknown): object | undefined {
  try {
    const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}
