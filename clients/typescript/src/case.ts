import { jsonOf } from './transport.ts'

/*
 * The service writes `retention_ms`, programs in TypeScript `retentionMs`. Payloads, keys and headers never come here.
 */

/** Members in camelCase, at all depths. */
export function toCamel<T> (value: unknown): T {
  return convert(value, (name) => name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase())) as T
}

/** As {@link jsonOf}. */
export async function camelOf<T> (response: Response): Promise<T> {
  return toCamel<T>(await jsonOf(response))
}

/** As {@link jsonOf}. */
export async function createdOf<T> (response: Response): Promise<T & { readonly created: boolean }> {
  return { ...await camelOf<T>(response), created: response.status === 201 }
}

/** JSON with members in snake_case, at all depths. Without members that are `undefined`. */
export function toSnakeJson (value: unknown): string {
  return JSON.stringify(convert(value, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)))
}

function convert (value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => convert(item, rename))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [rename(name), convert(member, rename)]))
}
