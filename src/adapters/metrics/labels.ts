/** The label of what is beyond the bound. No topic and no group can have this name. */
export const OTHER = '(other)'

const methods = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])

/** A client may send any of Node's methods to a path without a route. */
export function methodLabel (method: string): string {
  return methods.has(method) ? method : OTHER
}

/** The same route has the same label with and without the version in its path. */
export function routeLabel (route: string | undefined): string {
  if (route === undefined) return 'none'
  return route.replace(/^\/v1(?=\/)/, '')
}
