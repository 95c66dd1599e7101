/*
 * Keywords of our schemas, in addition to those of JSON Schema:
 *
 *   x-expected         the expected value in words, for error messages
 *   x-max-bytes        the most bytes of a string in UTF-8, or of all names and string values of an object
 *   x-max-number       the largest number that a string of digits may have as its value
 *   x-well-formed      true: a string without halves of surrogate pairs, which UTF-8 can't encode
 *   x-openapi          the type of a parameter for clients, in OpenAPI
 */

/** The rule of `x-max-bytes`. */
export function hasAtMostBytes (data: unknown, max: number): boolean {
  return isShort(data, max) || bytesOf(data) <= max
}

/** Whether a value has certainly at most `max` bytes: a UTF-16 unit takes at most three. Cheaper than counting bytes. */
function isShort (data: unknown, max: number): boolean {
  if (typeof data === 'string') return data.length * 3 <= max
  let length = 0
  for (const name in data as object) {
    const value = (data as Record<string, unknown>)[name]
    length += name.length + (typeof value === 'string' ? value.length : max)
  }
  return length * 3 <= max
}

/** What `x-max-bytes` counts. */
export function bytesOf (data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data)
  let bytes = 0
  for (const [name, value] of Object.entries(data as object)) {
    bytes += Buffer.byteLength(name) + (typeof value === 'string' ? Buffer.byteLength(value) : 0)
  }
  return bytes
}
