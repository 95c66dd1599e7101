import { AsyncLocalStorage } from 'node:async_hooks'
import type { Writable } from 'node:stream'
import awsLambdaFastify from '@fastify/aws-lambda'
import type { Context } from 'aws-lambda'
import type { FastifyInstance, InjectOptions, LightMyRequestCallback } from 'fastify'
import { buildApp } from './app/build-app.ts'
import { listOf, loadLambdaSettings } from './app/config.ts'
import { httpEventOf, needsBase64, normalizeEvent, routeMatcher, type HttpEvent } from './app/lambda-event.ts'
import { streamAnswer } from './app/lambda-stream.ts'
import { createLogger, unbufferedOutput } from './app/logger.ts'
import { defaultLimits as limits } from './domain/limits.ts'
import { wire } from './wiring.ts'

declare module 'fastify' {
  interface FastifyRequest { awsLambda: { event: HttpEvent | undefined, context: Context | undefined } }
}

/** An invocation whose answer is streamed. */
interface Streaming {
  readonly out: Writable
  over?: Promise<void>
}

/** The invocation under way, if its answer is streamed; a buffered one has none. */
const streaming = new AsyncLocalStorage<Streaming>()

/** Lambda ends an answer at 200 MB, or at 20 where it was never raised, and slows it down behind the first 6. */
const streamedBytesMax = 16 * 1024 * 1024

const settings = loadLambdaSettings(process.env)
const { log, checks } = await wire(settings)
const logger = createLogger(settings.LOG_LEVEL, unbufferedOutput())
const app = buildApp({
  log,
  checks,
  corsOrigins: listOf(settings.CORS_ORIGINS),
  logger,
  platformFacts: ({ awsLambda: { context } }) => context === undefined ? undefined : { lambda_request_id: context.awsRequestId },
  // Who waits for messages gives up long before the 29 s of a REST API, so the function's own timeout is all there is to heed.
  timeLeft: ({ awsLambda: { context } }) => context?.getRemainingTimeInMillis(),
  // A client of server-sent events comes back by itself, so without streaming it polls, and gets whole answers.
  streamBounds: () => streaming.getStore() === undefined ? { bytes: limits.pageBytesMax, buffered: true } : { bytes: streamedBytesMax, buffered: false }
})

const routes: string[] = []
app.addHook('onRoute', ({ url }) => { routes.push(url) })

/** The app as the proxy sees it: what is to be streamed is answered here, and the proxy told only when it is over. */
const target = Object.create(app, {
  inject: {
    value (request: InjectOptions, done: LightMyRequestCallback) {
      const invocation = streaming.getStore()
      if (invocation === undefined) return app.inject(request, done)
      const answer = { statusCode: 200, headers: {}, payload: '', rawPayload: Buffer.alloc(0) }
      invocation.over = streamAnswer(app, request, invocation.out).finally(() => { done(undefined, answer as never) })
    }
  }
}) as FastifyInstance

const proxy = awsLambdaFastify(target, {
  decorateRequest: true,
  // A comma is a character of a value like any other.
  parseCommaSeparatedQueryParams: false,
  // normalizeEvent has taken the stage away, and a path may rightly begin like the stage.
  retainStage: true,
  enforceBase64: (answer) => needsBase64(answer as unknown as Parameters<typeof needsBase64>[0])
})

// Routes are compiled during the start of the function, which has more CPU than its first request.
await app.ready()

const isRoute = routeMatcher(routes)

/** @throws UnsupportedEventError, which is what the caller of the function gets to see */
function requestOf (event: unknown, { awsRequestId }: Context): HttpEvent {
  try {
    return normalizeEvent(httpEventOf(event), isRoute)
  } catch (error) {
    logger.error({ err: error, lambda_request_id: awsRequestId }, 'unsupported event')
    throw error
  }
}

/** For REST APIs, HTTP APIs and function URLs. A REST API has to name all types as binary, or its largest pages stay base64. */
export async function handler (event: unknown, context: Context): Promise<unknown> {
  return proxy(requestOf(event, context), context)
}

async function stream (event: unknown, out: Writable, context: Context): Promise<void> {
  const request = requestOf(event, context)
  const invocation: Streaming = { out }
  await streaming.run(invocation, () => Promise.all([proxy(request, context), invocation.over]))
}

/** Another package may have made the global without what Lambda's runtime puts there. */
const runtime = (globalThis as { awslambda?: Partial<typeof awslambda> }).awslambda

/** For function URLs with the invoke mode RESPONSE_STREAM, and REST APIs with the transfer mode STREAM. */
export const streamHandler = (runtime?.streamifyResponse?.(stream) ?? stream) as typeof stream
