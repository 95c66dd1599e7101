/**
 * All paths are also there with the version in front: a route has one path, and the version is taken off before a route is looked for.
 * The target of a request may be a whole URL (RFC 9112, 3.2.2).
 */
export function withoutVersion (url: string): string {
  return url.startsWith('/') ? (url.startsWith('/v1/') ? url.slice(3) : url) : url.replace(/^(https?:\/\/[^/?#]*)\/v1(?=\/)/i, '$1')
}

/** The route of a request as its client knows it. */
export function withVersion (route: string | undefined, originalUrl: string): string | undefined {
  return route !== undefined && withoutVersion(originalUrl) !== originalUrl ? `/v1${route}` : route
}
