import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { MetadataBearer, Pluggable } from '@smithy/types'
import { StoreError } from '../../ports/errors.ts'
import { markSent } from './errors.ts'

/** What both services are reached with. What is absent, the SDK finds by its own rules (environment, profile, role). */
export interface AwsSettings {
  readonly region?: string | undefined
  /** LocalStack or another compatible service; absent for AWS itself. */
  readonly endpoint?: string | undefined
  readonly credentials?: { readonly accessKeyId: string, readonly secretAccessKey: string } | undefined
  /** Hears the name of the operation for every HTTP request that is sent. */
  readonly onAttempt?: ((operation: string) => void) | undefined
}

/**
 * A backstop: who calls has a shorter time-out of their own and gives it as a signal. It includes the wait for a socket
 * and the connection. (The handler's `connectionTimeout` is not set, because it counts the wait for a socket, too, and so
 * makes a burst of calls fail that has only to queue.)
 */
const ATTEMPT_TIMEOUT_MS = 15_000
/** Above what one page reads at once, many times over, and far below a Lambda's 1,024 file descriptors. */
const SOCKETS_MAX = 128

/** The configuration that the clients of both services share. */
export function clientConfig (settings: AwsSettings) {
  const { region, endpoint, credentials } = settings
  const agent = { keepAlive: true, maxSockets: SOCKETS_MAX }
  return {
    ...region !== undefined && { region },
    ...endpoint !== undefined && { endpoint },
    ...credentials !== undefined && { credentials },
    // The log repeats calls, within its deadlines. The SDK would know neither them nor what a call may be repeated for: it
    // sleeps as long as a Retry-After says, and tells only the last of several failures.
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      httpAgent: agent,
      httpsAgent: agent,
      requestTimeout: ATTEMPT_TIMEOUT_MS,
      // Without this the time-out above only prints a warning.
      throwOnRequestTimeout: true,
      // The answer's body has no other bound: the one above ends with the answer's headers.
      socketTimeout: ATTEMPT_TIMEOUT_MS,
      // The handler would print to the console when requests wait for a socket; waiting is what the bound is for.
      logger: silent
    })
  }
}

/** Whether requests go to AWS itself, its dual-stack, FIPS and private endpoints included. */
export function isAws ({ endpoint }: AwsSettings): boolean {
  return endpoint === undefined || /\.amazonaws\.com(\.cn)?$/.test(URL.parse(endpoint)?.hostname ?? '')
}

function nothing (): void {}
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }

const times = new WeakMap<object, number>()

const answered = new WeakSet<object>()

/** Whether the service has answered a call of this client. */
export function hasAnswered (client: object): boolean {
  return answered.has(client)
}

interface ObservedClient { readonly middlewareStack: { use (plugin: Pluggable<object, MetadataBearer>): void } }

/**
 * Notes the `Date` header of every answer, which the SDK's outputs do not carry, and reports every HTTP request.
 * @param onAnswer gets the service's time (ms, whole seconds) and the local time at which the request was sent
 */
export function observeAnswers (
  client: ObservedClient, { onAttempt }: AwsSettings, onAnswer?: (serverTime: number, sentAt: number) => void
): void {
  const heard = (response: unknown, sentAt: number): number => {
    if (response !== undefined) answered.add(client)
    const time = dateOf(response)
    if (!Number.isNaN(time)) onAnswer?.(time, sentAt)
    return time
  }
  client.middlewareStack.use({
    applyToStack (stack) {
      stack.add((next, context) => async (args) => {
        onAttempt?.(context.commandName?.replace(/Command$/, '') ?? 'unknown')
        const sentAt = Date.now()
        try {
          const result = await next(args)
          const time = heard(result.response, sentAt)
          if (result.output !== undefined) times.set(result.output, time)
          return result
        } catch (error) {
          markSent(error)
          // The deserializer, which is inside of this, leaves the answer on the error that it makes of it.
          heard((error as { $response?: unknown }).$response, sentAt)
          throw error
        }
      }, { step: 'deserialize', priority: 'high', name: 'answersMiddleware', override: true })
    }
  })
}

/**
 * The service's clock when it gave this answer, in ms (whole seconds).
 * @throws StoreError `misconfigured` when the answer had no valid `Date`, which HTTP demands of every server with a clock
 */
export function serverTime (output: object): number {
  const time = times.get(output) ?? NaN
  if (!Number.isNaN(time)) return time
  throw new StoreError('misconfigured', 'unknown',
    'the store\'s answer has no valid Date header: the service, or a proxy in front of it, must send one')
}

function dateOf (response: unknown): number {
  const headers = (response as { headers?: Record<string, string> } | undefined)?.headers
  return Date.parse(headers?.['date'] ?? '')
}
