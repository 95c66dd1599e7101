import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { MetadataBearer, Pluggable } from '@smithy/types'
import { StoreError } from '../../ports/errors.ts'

/** What both services are reached with. What is absent, the SDK finds by its own rules (environment, profile, role). */
export interface AwsSettings {
  readonly region?: string | undefined
  /** LocalStack or another compatible service; absent for AWS itself. */
  readonly endpoint?: string | undefined
  readonly credentials?: { readonly accessKeyId: string, readonly secretAccessKey: string } | undefined
  /** Hears the name of the operation for every HTTP request that is sent, the SDK's retries included. */
  readonly onAttempt?: ((operation: string) => void) | undefined
}

/**
 * A backstop: who calls has a shorter time-out of their own and gives it as a signal. It includes the wait for a socket
 * and the connection. (The handler's `connectionTimeout` is not set, because it counts the wait for a socket, too, and so
 * makes a burst of calls fail that has only to queue.)
 */
const ATTEMPT_TIMEOUT_MS = 15_000
const ATTEMPTS_MAX = 3
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
    maxAttempts: ATTEMPTS_MAX,
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

function nothing (): void {}
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }

const times = new WeakMap<object, number>()

/**
 * Notes the `Date` header of every answer, which the SDK's outputs do not carry, and reports every HTTP request.
 * @param onAnswer gets the service's time (ms, whole seconds) and the local time at which the request was sent
 */
export function answersPlugin (
  onAttempt: ((operation: string) => void) | undefined,
  onAnswer?: (serverTime: number, sentAt: number) => void
): Pluggable<object, MetadataBearer> {
  return {
    applyToStack (stack) {
      stack.add((next, context) => async (args) => {
        onAttempt?.(context.commandName?.replace(/Command$/, '') ?? 'unknown')
        const sentAt = Date.now()
        const heard = (response: unknown): number => {
          const time = dateOf(response)
          if (!Number.isNaN(time)) onAnswer?.(time, sentAt)
          return time
        }
        try {
          const result = await next(args)
          const time = heard(result.response)
          if (result.output !== undefined) times.set(result.output, time)
          return result
        } catch (error) {
          // The deserializer, which is inside of this, leaves the answer on the error that it makes of it.
          heard((error as { $response?: unknown }).$response)
          throw error
        }
      }, { step: 'deserialize', priority: 'high', name: 'answersMiddleware', override: true })
    }
  }
}

/**
 * The service's clock when it gave this answer, in ms (whole seconds).
 * @throws StoreError `misconfigured` when the answer had no `Date`, which HTTP demands of every server with a clock
 */
export function serverTime (output: object): number {
  const time = times.get(output) ?? NaN
  if (!Number.isNaN(time)) return time
  throw new StoreError('misconfigured', 'unknown',
    'the store\'s answer has no Date header: the service, or a proxy in front of it, must send one')
}

function dateOf (response: unknown): number {
  const headers = (response as { headers?: Record<string, string> } | undefined)?.headers
  return Date.parse(headers?.['date'] ?? '')
}
