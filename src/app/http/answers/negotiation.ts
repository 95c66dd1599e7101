/** The names in an `Accept…` header in their order, with their weights (RFC 9110, 12.4.2). An invalid weight counts as 1. */
function weights (header: string): Map<string, number> {
  const named = new Map<string, number>()
  for (const element of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = element.split(';')
    const q = parameters
      .map((parameter) => /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/.exec(parameter)?.[1])
      .find((found) => found !== undefined)
    named.set(name.trim(), q === undefined ? 1 : Math.min(Number(q), 1))
  }
  return named
}

/** The weight that `Accept` gives to a type, with its wildcards; 1 if there is no such header. */
export function weightOf (type: string, accept: string | undefined): number {
  if (accept === undefined) return 1
  const named = weights(accept)
  return named.get(type) ?? named.get(type.replace(/\/.*/, '/*')) ?? named.get('*/*') ?? 0
}

/**
 * Whether the client prefers `type` to JSON, which is the default. `type` must be named in `Accept`, with a higher weight
 * than JSON, or with the same weight and before it.
 */
export function prefers (type: string, accept: string | undefined): boolean {
  // Usually `Accept` is */* or absent.
  if (accept === undefined || accept.length < type.length) return false
  const named = weights(accept)
  const weight = named.get(type) ?? 0
  const json = named.get('application/json') ?? named.get('application/*') ?? named.get('*/*') ?? 0
  if (weight !== json) return weight > json
  const names = [...named.keys()]
  const place = names.indexOf('application/json')
  return weight > 0 && (place === -1 || names.indexOf(type) < place)
}

export type Encoding = 'gzip' | 'br' | 'zstd'

/**
 * The encoding with the highest weight. Among equal weights: `first` if it is given, otherwise the one that costs least CPU.
 * `*` counts as gzip, which all clients support.
 * @returns undefined if the body must not be encoded
 */
export function preferredEncoding (acceptEncoding: string, first?: Encoding): Encoding | undefined {
  const named = weights(acceptEncoding)
  let best: Encoding | undefined
  let most = named.get('identity') ?? 0
  for (const encoding of first === undefined ? cheapestFirst : [first, ...cheapestFirst]) {
    const weight = named.get(encoding) ?? (encoding === 'gzip' ? named.get('*') : undefined) ?? 0
    if (weight > most || (weight === most && weight > 0 && best === undefined)) {
      best = encoding
      most = weight
    }
  }
  return best
}

const cheapestFirst: readonly Encoding[] = ['zstd', 'br', 'gzip']
