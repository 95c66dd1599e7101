import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda'

/** REST API (v1), HTTP API (v2) and function URL (v2 as well). */
export type HttpEvent = APIGatewayProxyEvent | APIGatewayProxyEventV2

/** The event is not an HTTP request: the function was not invoked by an API or a function URL. */
export class UnsupportedEventError extends Error {
  override readonly name = 'UnsupportedEventError'
}

/**
 * Returns the event unchanged if it is an HTTP request.
 * @throws UnsupportedEventError with the source of the event, but nothing of its content
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

/** Whether the app has a route for this path, with any method. */
export type IsRoute = (path: string) => boolean

/** @param templates paths of Fastify's routes, such as `/topics/:topic/produce` and `/docs/static/*` */
export function routeMatcher (templates: Iterable<string>): IsRoute {
  const patterns = [...new Set(templates)].map((template) =>
    new RegExp(`^${template.replace(/[.\\]/g, '\\$&').replace(/\*$/, '.*').replace(/:[^/]+/g, '[^/]+')}$`))
  return (path) => patterns.some((pattern) => pattern.test(path))
}

/**
 * Returns the event with the path of a route of the app, encoded so that it can be part of a URL, and with header names in
 * lower case.
 *
 * Before the path of the route, an event may have
 * - REST API: the base path of a custom domain's mapping. (The stage is not in `path`.)
 * - HTTP API, payload 1.0 or 2.0: the stage, unless it is `$default`; or the key of a custom domain's mapping.
 * The template of the API's own route shows where this prefix ends, except for the route `$default`: on a custom domain,
 * the longest end of the path that is a route of the app is then used.
 */
export function normalizeEvent<E extends HttpEvent> (event: E, isRoute: IsRoute): E {
  if (!isV2(event)) {
    const { path, resource, pathParameters, requestContext, headers, multiValueHeaders } = event
    return {
      ...event,
      path: encodePath(withoutApiPrefix(path, resource, pathParameters, requestContext, isRoute)),
      headers: lowerCased(headers),
      multiValueHeaders: lowerCased(multiValueHeaders)
    }
  }
  const { rawPath, routeKey, requestContext, pathParameters } = event
  const template = routeKey.slice(routeKey.indexOf(' ') + 1)
  return { ...event, rawPath: encodePath(withoutApiPrefix(rawPath, template, pathParameters, requestContext, isRoute)) }
}

export function isV2 (event: HttpEvent): event is APIGatewayProxyEventV2 {
  return 'rawPath' in event
}

/**
 * Who the platform says has sent the request, with how it knows: `iam:arn:aws:iam::1:user/a`, `jwt:alice`. From the context only,
 * which no client can write. An API key is none: it is a name for usage plans.
 * @returns `undefined` if the platform has authenticated nobody
 */
export function identityOf (event: HttpEvent): string | undefined {
  const context = event.requestContext as unknown as Readonly<Record<string, unknown>>
  const authorizer = recordOf(context['authorizer'])
  const identity = recordOf(context['identity'])
  const certificate = recordOf(identity['clientCert'] ?? recordOf(context['authentication'])['clientCert'])
  const lambda = recordOf(authorizer['lambda'])
  const claims = authorizer['claims'] ?? recordOf(authorizer['jwt'])['claims']
  const { sub, client_id: client } = recordOf(claims)
  const names: ReadonlyArray<readonly [kind: string, name: unknown]> = [
    ['iam', recordOf(authorizer['iam'])['userArn'] ?? identity['userArn']],
    ['jwt', sub ?? client ?? (claims === undefined ? undefined : unnamed)],
    ['authorizer', authorizer['principalId'] ?? lambda['principalId'] ?? ('lambda' in authorizer ? unnamed : undefined)],
    ['certificate', certificate['subjectDN']]
  ]
  const [kind, name] = names.find(([, name]) => typeof name === 'string' && name !== '') ?? []
  return kind === undefined ? undefined : `${kind}:${name as string}`
}

/** The platform has authenticated a client, and does not name it. */
const unnamed = 'unnamed'

const none: Readonly<Record<string, unknown>> = {}

function recordOf (value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : none
}

interface Api { readonly stage?: string, readonly apiId?: string, readonly domainName?: string | undefined }

function withoutApiPrefix (path: string, template: string | undefined, parameters: PathParameters, api: Api, isRoute: IsRoute): string {
  if (template !== '$default') return withoutTemplatePrefix(path, template, parameters)
  const { stage = '$default', apiId = '', domainName = '' } = api
  if (domainName.startsWith(`${apiId}.`)) return stage !== '$default' && path.startsWith(`/${stage}/`) ? path.slice(stage.length + 1) : path
  // The longest end first, because the key of a mapping may be the same as a part of the app's path.
  for (let start = 0; start !== -1; start = path.indexOf('/', start + 1)) if (isRoute(path.slice(start))) return path.slice(start)
  return path
}

/** The proxy looks headers up in lower case, but a REST API passes them on as the client wrote them. */
function lowerCased<Value> (headers: Readonly<Record<string, Value>> | null): Record<string, Value> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
}

type PathParameters = Readonly<Record<string, string | undefined>> | null | undefined

/** The end of the path that matches a template such as `/topics/{topic}/produce` or `/{proxy+}`. */
function withoutTemplatePrefix (path: string, template: string | undefined, parameters: PathParameters): string {
  const greedy = /\{([^}]+)\+\}$/.exec(template ?? '')
  if (template === undefined || (greedy === null && template === '/')) return path
  if (greedy === null) return lastSegments(path, template.split('/').length - 1)
  // Only its value shows how many segments the greedy parameter has matched.
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
 * Encodes a path for a URL. Some services send decoded paths, in which a `#` or `?` would end the path of a URL. Anything that
 * is percent-encoded already, correctly or not, is not changed.
 */
function encodePath (path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]+/gu, (part) => encodeURIComponent(part.toWellFormed()))
}

/** Lambda's limit for the whole response is 6 MB, of which 100 KB are for the headers and the JSON around them. */
const answerBytesMax = 6_000_000 - 100_000

const textual = /^(text\/|application\/(json|problem\+json|x-ndjson|javascript)\b|image\/svg)/

/**
 * Whether a response must be sent as base64. Lambda's limit applies to the body as a JSON string, in which each quotation
 * mark takes two bytes. So a page of 4 MiB can be too large as text, but fit as base64.
 */
export function needsBase64 (answer: { headers: Readonly<Record<string, unknown>>, rawPayload: Buffer }): boolean {
  const { 'content-type': type, 'content-encoding': encoding } = answer.headers
  if (typeof type === 'string' && !textual.test(type)) return true
  if (encoding !== undefined && encoding !== 'identity') return true
  const { rawPayload } = answer
  // In a JSON string, only control characters take more than two bytes for one, and JSON and HTML have none.
  if (rawPayload.length * 2 <= answerBytesMax) return false
  return Buffer.byteLength(JSON.stringify(rawPayload.toString('utf8'))) > answerBytesMax
}
