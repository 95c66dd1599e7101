import { computed, signal } from '@preact/signals'

/** After the `#`, so that the page works at any path. `/topics/orders/groups?x=1` */
const location = signal(read())

addEventListener('hashchange', () => { location.value = read() })

function read (): string {
  return window.location.hash.slice(1) || '/topics'
}

export interface Route {
  readonly parts: readonly string[]
  readonly query: URLSearchParams
}

export const route = computed<Route>(() => {
  const [path = '', query = ''] = location.value.split('?', 2)
  return { parts: path.split('/').slice(1).map(decoded), query: new URLSearchParams(query) }
})

function decoded (part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** A link within the console. */
export function linkTo (...parts: readonly string[]): string {
  return `#${parts.map((part) => `/${encodeURIComponent(part)}`).join('')}`
}

export function go (link: string): void {
  window.location.hash = link
}

/** Changes the query without a new entry in the browser's history. */
export function setQuery (values: Readonly<Record<string, string | undefined>>): void {
  const [path = ''] = read().split('?', 1)
  const query = new URLSearchParams(route.peek().query)
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === '') query.delete(name)
    else query.set(name, value)
  }
  const text = query.toString()
  history.replaceState(null, '', `#${path}${text === '' ? '' : '?'}${text}`)
  location.value = read()
}
