import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { MetadataBearer, Pluggable } from '@smithy/types'
import { StoreError } from '../../ports/errors.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import { createAgents } from './agents.ts'
import { markSent } from './errors.ts'

/** Settings of both services. The SDK finds absent ones by its own rules (environment, profile, role). */
export interface AwsSettings {
  readonly region?: string | undefined
  /** LocalStack or another compatible service; absent for AWS itself. */
  readonly endpoint?: string | undefined
  readonly credentials?: { readonly accessKeyId: string, readonly secretAccessKey: string } | undefined
  /** Called with the name of the operation for every HTTP request that is sent. */
  readonly onAttempt?: ((operation: string) => void) | undefined
}

/**
 * A last resort: callers pass shorter timeouts as a signal. This one includes the wait for a socket. So would the handler's
 * `connectionTimeout`, which is not set: in a burst, calls that only wait for a socket would fail.
 */
const ATTEMPT_TIMEOUT_MS = 15_000
/** Enough for many pages that are read at the same time, and far below the 1,024 file descriptors of a Lambda function. */
const SOCKETS_MAX = 128

/** The configuration of the clients of both services. */
export function clientConfig (settings: AwsSettings) {
  const { region, endpoint, credentials } = settings
  return {
    ...region !== undefined && { region },
    ...endpoint !== undefined && { endpoint },
    ...credentials !== undefined && { credentials },
    // The log repeats calls itself. The SDK does not know the log's deadlines: it would wait as long as a Retry-After header
    // demands, and report only the last of several failures.
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      ...createAgents({ keepAlive: true, maxSockets: SOCKETS_MAX }),
      requestTimeout: ATTEMPT_TIMEOUT_MS,
      // Without this, `requestTimeout` only prints a warning.
      throwOnRequestTimeout: true,
      // For the body of the response: `requestTimeout` ends with its headers.
      socketTimeout: ATTEMPT_TIMEOUT_MS,
      // The handler would print a warning to the console when requests wait for a socket, which is intended.
      logger: silent
    })
  }
}

/** Whether requests go to AWS itself, including its dual-stack, FIPS and private endpoints. */
export function isAws ({ endpoint }: AwsSettings): boolean {
  return endpoint === undefined || /\.amazonaws\.com(\.cn)?$/.test(URL.parse(endpoint)?.hostname ?? '')
}

function nothing (): void {}
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }

const responseTimes = new WeakMap<object, number>()

const answeredClients = new WeakSet<object>()

/** Whether this client has ever got a response from the service. */
export function hasAnswered (client: object): boolean {
  return answeredClients.has(client)
}

interface ObservedClient { readonly middlewareStack: { use (plugin: Pluggable<object, MetadataBearer>): void } }

/**
 * Records the `Date` header of every response, which the SDK's outputs do not contain, and reports every HTTP request.
 * @param onAnswer gets the service's time (ms, whole seconds) and the local time at which the request was sent
 */
export function observeAnswers (
  client: ObservedClient, { onAttempt }: AwsSettings, onAnswer?: (serverTime: number, sentAt: number) => void
): void {
  const observe = (response: unknown, sentAt: number): number => {
    if (response !== undefined) answeredClients.add(client)
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
          const time = observe(result.response, sentAt)
          if (result.output !== undefined) responseTimes.set(result.output, time)
          return result
        } catch (error) {
          markSent(error)
          // The deserializer, which runs inside of this middleware, adds the response to its error.
          const time = observe((error as { $response?: unknown }).$response, sentAt)
          if (typeof error === 'object' && error !== null) responseTimes.set(error, time)
          throw error
        }
      }, { step: 'deserialize', priority: 'high', name: 'answersMiddleware', override: true })
    }
  })
}

/**
 * The service's clock at the time of this response, in ms (whole seconds).
 * @param output of the SDK, or the error that it made of the response
 * @throws StoreError `misconfigured` if the response has no valid `Date`, which HTTP requires of every server with a clock
 */
export function serverTime (output: object): number {
  const time = responseTimes.get(output) ?? NaN
  if (!Number.isNaN(time)) return time
  throw new StoreError('misconfigured', 'unknown',
    'the store\'s answer has no valid Date header: the service, or a proxy in front of it, must send one')
}

/** The options of the SDK's `send` for a call. */
export function sendOptions ({ signal }: CallOptions = {}): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal }
}

function dateOf (response: unknown): number {
  const headers = (response as { headers?: Record<string, string> } | undefined)?.headers
  return Date.parse(headers?.['date'] ?? '')
}
