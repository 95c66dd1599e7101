/**
 * Whether a request has more than one header of a name. Node keeps only the first of some in `headers`, and a proxy in between may
 * have looked at the last.
 * @param name in lower case
 */
export function hasSeveral (rawHeaders: readonly string[], name: string): boolean {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const other = rawHeaders[i]!
    if (other.length === name.length && other.toLowerCase() === name) count++
  }
  return count > 1
}
