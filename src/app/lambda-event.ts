import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda'

/** REST API (v1), HTTP API (v2) and function URL (v2 as well). */
export type HttpEvent = APIGatewayProxyEvent | APIGatewayProxyEventV2

/**
 * The event with the path that the app's routes know, and in a form that survives being made a URL again.
 *
 * In front of the route's path an event may have
 * - REST API: the base path of a custom domain's mapping. (The stage is not in `path`.)
 * - HTTP API: the stage, unless it is `$default`.
 * What the API's own route matched says where the prefix ends; an API that has only `$default` says nothing, but has no
 * mapping of paths either.
 */
export function normalizeEvent<E extends HttpEvent> (event: E): E {
  if (!isV2(event)) return { ...event, path: encodePath(withoutPrefix(event.path, event.resource, event.pathParameters)) }
  const { rawPath, routeKey, requestContext: { stage }, pathParameters } = event
  const template = routeKey.slice(routeKey.indexOf(' ') + 1)
  const path = template === '$default' ? withoutStage(rawPath, stage) : withoutPrefix(rawPath, template, pathParameters)
  return { ...event, rawPath: encodePath(path) }
}

export function isV2 (event: HttpEvent): event is APIGatewayProxyEventV2 {
  return 'rawPath' in event
}

function withoutStage (path: string, stage: string): string {
  return stage !== '$default' && path.startsWith(`/${stage}/`) ? path.slice(stage.length + 1) : path
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
