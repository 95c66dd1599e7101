/** What an `Accept…` header names, in its order, each with its weight (RFC 9110, 12.4.2). It never fails: nonsense weighs 1. */
function weights (header: string): Map<string, number> {
  const named = new Map<string, number>()
  for (const element of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = element.split(';')
    const q = parameters.map((parameter) => /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/.exec(parameter)?.[1]).find((found) => found !== undefined)
    named.set(name.trim(), q === undefined ? 1 : Math.min(Number(q), 1))
  }
  return named
}

/**
 * Whether `type` is wanted rather than JSON. JSON is for everyone who does not say otherwise: `type` has to be named, with
 * no less weight than JSON has, and before it.
 */
export function prefers (type: string, accept: string | undefined): boolean {
  // Almost always it is */*, or nothing.
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
 * The encoding with the greatest weight; among equals `first` if given, else the one that is cheapest to make.
 * `*` is taken for gzip, which everybody knows.
 * @returns undefined where it has to stay as it is
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
