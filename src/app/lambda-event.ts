import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda'

/** REST API (v1), HTTP API (v2) and function URL (v2 as well). */
export type HttpEvent = APIGatewayProxyEvent | APIGatewayProxyEventV2

/** An event that is no HTTP request: the function was triggered by something else than an API or a function URL. */
export class UnsupportedEventError extends Error {
  override readonly name = 'UnsupportedEventError'
}

/**
 * The event as it came, if it is an HTTP request.
 * @throws UnsupportedEventError that names the source of the event, and nothing of its content
 */
export function httpEventOf (event: unknown): HttpEvent {
  const fields = isRecord(event) ? event : {}
  const { requestContext, rawPath, path, httpMethod } = fields
  if (isRecord(requestContext)) {
    if (typeof rawPath === 'string' && isRecord(requestContext['http']) && typeof fields['routeKey'] === 'string') return event as HttpEvent
    if (typeof path === 'string' && typeof httpMethod === 'string') return event as HttpEvent
  }
  throw new UnsupportedEventError(`event: expected an HTTP request of an API Gateway API or a function URL, got ${sourceOf(fields)}`)
}

function sourceOf (event: Readonly<Record<string, unknown>>): string {
  const { Records: records, source, requestContext } = event
  const [record] = Array.isArray(records) ? records as unknown[] : []
  const named = isRecord(record) ? record['eventSource'] ?? record['EventSource'] : source
  if (typeof named === 'string' && /^[\w.:-]{1,100}$/.test(named)) return `an event of ${named}`
  if (isRecord(requestContext) && 'connectionId' in requestContext) return 'an event of a WebSocket API'
  return 'another event'
}

function isRecord (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Whether a path is one of the app's, for any method. */
export type IsRoute = (path: string) => boolean

/** @param templates paths of Fastify's routes, such as `/topics/:topic/produce` and `/docs/static/*` */
export function routeMatcher (templates: Iterable<string>): IsRoute {
  const patterns = [...new Set(templates)].map((template) =>
    new RegExp(`^${template.replace(/[.\\]/g, '\\$&').replace(/\*$/, '.*').replace(/:[^/]+/g, '[^/]+')}$`))
  return (path) => patterns.some((pattern) => pattern.test(path))
}

/**
 * The event with the path that the app's routes know, in a form that survives being made a URL again, and with the
 * names of its headers in lower case.
 *
 * In front of the route's path an event may have
 * - REST API: the base path of a custom domain's mapping. (The stage is not in `path`.)
 * - HTTP API, payload 1.0 or 2.0: the stage, unless it is `$default`; or the key of a custom domain's mapping.
 * What the API's own route matched says where the prefix ends. The route `$default` does not: on a custom domain the
 * prefix is then what has to go for the path to be one of the app's.
 */
export function normalizeEvent<E extends HttpEvent> (event: E, isRoute: IsRoute): E {
  if (!isV2(event)) {
    const { path, resource, pathParameters, requestContext, headers, multiValueHeaders } = event
    return {
      ...event,
      path: encodePath(withoutFront(path, resource, pathParameters, requestContext, isRoute)),
      headers: lowerCased(headers),
      multiValueHeaders: lowerCased(multiValueHeaders)
    }
  }
  const { rawPath, routeKey, requestContext, pathParameters } = event
  const template = routeKey.slice(routeKey.indexOf(' ') + 1)
  return { ...event, rawPath: encodePath(withoutFront(rawPath, template, pathParameters, requestContext, isRoute)) }
}

export function isV2 (event: HttpEvent): event is APIGatewayProxyEventV2 {
  return 'rawPath' in event
}

interface Api { readonly stage?: string, readonly apiId?: string, readonly domainName?: string | undefined }

function withoutFront (path: string, template: string | undefined, parameters: PathParameters, api: Api, isRoute: IsRoute): string {
  if (template !== '$default') return withoutPrefix(path, template, parameters)
  const { stage = '$default', apiId = '', domainName = '' } = api
  if (domainName.startsWith(`${apiId}.`)) return stage !== '$default' && path.startsWith(`/${stage}/`) ? path.slice(stage.length + 1) : path
  // From the whole path to ever less of it: a mapping may have the name of a part of the app's path.
  for (let start = 0; start !== -1; start = path.indexOf('/', start + 1)) if (isRoute(path.slice(start))) return path.slice(start)
  return path
}

/** The proxy knows headers by their names in lower case only; a REST API leaves them as the client wrote them. */
function lowerCased<Value> (headers: Readonly<Record<string, Value>> | null): Record<string, Value> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
}

type PathParameters = Readonly<Record<string, string | undefined>> | null | undefined

/** The end of the path that the template `/topics/{topic}/produce` or `/{proxy+}` stands for. */
function withoutPrefix (path: string, template: string | undefined, parameters: PathParameters): string {
  const greedy = /\{([^}]+)\+\}$/.exec(template ?? '')
  if (template === undefined || (greedy === null && template === '/')) return path
  if (greedy === null) return lastSegments(path, template.split('/').length - 1)
  // How many segments the greedy parameter took is known from its value only.
  const value = parameters?.[greedy[1]!]
  if (value === undefined) return path
  const fixed = template.slice(0, greedy.index).split('/').length - 2
  return lastSegments(path, fixed + value.split('/').length)
}

function lastSegments (path: string, count: number): string {
  const segments = path.split('/').slice(1)
  return count > 0 && segments.length > count ? '/' + segments.slice(-count).join('/') : path
}

/**
 * Some of the services hand paths over decoded, and `#` or `?` would end the path of a URL. What is encoded already,
 * rightly or wrongly, stays as it is.
 */
function encodePath (path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]+/gu, (part) => encodeURIComponent(part.toWellFormed()))
}

/** Lambda's limit for the whole answer is 6 MB; the rest is for the headers and what JSON puts around them. */
const answerBytesMax = 6_000_000 - 100_000

const textual = /^(text\/|application\/(json|problem\+json|x-ndjson|javascript)\b|image\/svg)/

/**
 * Whether an answer has to go as base64. The limit counts the body as the JSON string that Lambda gets, in which each
 * quotation mark takes two bytes: a page of 4 MiB can be too large as text and fit as base64.
 */
export function needsBase64 (answer: { headers: Readonly<Record<string, unknown>>, rawPayload: Buffer }): boolean {
  const { 'content-type': type, 'content-encoding': encoding } = answer.headers
  if (typeof type === 'string' && !textual.test(type)) return true
  if (encoding !== undefined && encoding !== 'identity') return true
  const { rawPayload } = answer
  // No character of JSON or HTML text takes more than two bytes for one, but for control characters, which they don't have.
  if (rawPayload.length * 2 <= answerBytesMax) return false
  return Buffer.byteLength(JSON.stringify(rawPayload.toString('utf8'))) > answerBytesMax
}
