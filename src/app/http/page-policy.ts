import { createHash } from 'node:crypto'

/** The `Content-Security-Policy` of a page that has no scripts, and loads nothing. @param style the content of its one style element */
export function pagePolicy (style: string): string {
  const hash = createHash('sha256').update(style).digest('base64')
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}
