import { AsyncLocalStorage } from 'node:async_hooks'
import type { Writable } from 'node:stream'
import awsLambdaFastify from '@fastify/aws-lambda'
import type { Context } from 'aws-lambda'
import type { FastifyInstance, InjectOptions, LightMyRequestCallback } from 'fastify'
import { createEmfMetrics } from './adapters/emf/emf.ts'
import { systemClock } from './adapters/system/clock.ts'
import { createAuthenticator, managesTokens } from './app/access/create-authenticator.ts'
import { buildApp } from './app/build-app.ts'
import { loadLambdaSettings } from './app/config.ts'
import { httpEventOf, identityOf, needsBase64, normalizeEvent, routeMatcher, type HttpEvent } from './app/lambda/event.ts'
import { streamAnswer } from './app/lambda/stream.ts'
import { createLogger, unbufferedOutput } from './app/logger.ts'
import type { Prepared } from './app/prepared.ts'
import { foundWork, logSweep, type SweepTotal, totalOf } from './app/sweeper.ts'
import { wire } from './wiring.ts'

interface Invocation {
  readonly event: HttpEvent
  readonly context: Context
  /** For a response that is streamed. */
  readonly out?: Writable
  /** Set as soon as its streaming begins. */
  ended?: Promise<void>
}

/** The one that the current request belongs to. */
const invocations = new AsyncLocalStorage<Invocation>()

/** Lambda cuts a response off at 200 MB (20 MB where that limit was never raised), and slows it down after the first 6 MB. */
const streamedBytesMax = 16 * 1024 * 1024

/** Part of an invocation's time in which a sweep begins nothing new: a call to a store can take 5 s. */
const sweepMarginMs = 10_000

/** The handlers of the function. */
export interface LambdaFunction {
  /**
   * For REST APIs, HTTP APIs and function URLs. A REST API must have all types as binary media types, or its largest pages
   * arrive as base64.
   */
  readonly handler: (event: unknown, context: Context) => Promise<unknown>
  /** For function URLs with the invoke mode RESPONSE_STREAM, and REST APIs with the transfer mode STREAM. */
  readonly streamHandler: (event: unknown, out: Writable, context: Context) => Promise<void>
  /**
   * To be invoked by a schedule, with any event: removes what retention allows, for as long as the function may run, and goes on
   * where the invocation before stopped. @throws LogError after what could be done was done, so that the platform counts an error
   */
  readonly sweepHandler: (event: unknown, context: Context) => Promise<SweepTotal>
}

/**
 * The function, with the settings of the process. It makes no call to AWS before its first request.
 * @param addRoutes adds what only some builds of it serve
 * @throws SettingsError
 */
export async function createFunction (
  prepared: Prepared, addRoutes?: (app: FastifyInstance) => void
): Promise<LambdaFunction> {
  const settings = loadLambdaSettings(process.env)
  const logger = createLogger(settings.logLevel, unbufferedOutput())
  const warn = (text: string): void => { logger.warn(text) }
  const { log, catalog, groups, tokens, limits, checks, telemetry, flushMetrics } = await wire(settings, warn, {
    runsOn: false,
    opensLate: startsForRequest(process.env),
    metrics: (options) => {
      const { telemetry, flush } = createEmfMetrics({ ...options, service: process.env['AWS_LAMBDA_FUNCTION_NAME'] ?? 'streams' })
      return { telemetry, flushMetrics: flush }
    }
  })
  const app = buildApp({
    ...prepared,
    log,
    catalog,
    groups,
    tokens: managesTokens(settings.access) ? tokens : undefined,
    limits,
    authenticator: await createAuthenticator(settings.access, {
      tokens,
      limits,
      clock: systemClock,
      warn,
      platformIdentity: () => identityOf(current().event)
    }),
    checks,
    telemetry,
    corsOrigins: settings.corsOrigins,
    addRoutes,
    principalRate: settings.principalRate,
    logger,
    platformLogFields: () => ({ lambda_request_id: current().context.awsRequestId }),
    // Long polls end long before the 29 s of a REST API, so only the function's own timeout matters.
    timeLeft: () => current().context.getRemainingTimeInMillis(),
    // A client of server-sent events reconnects by itself. So without streaming, it polls and gets complete responses.
    streamBounds: () => current().out === undefined
      ? { bytes: limits.pageBytesMax, buffered: true }
      : { bytes: streamedBytesMax, buffered: false }
  })
  const { buffered, streamed } = await handlersOf(app)

  return {
    async handler (event, context) {
      try {
        return await buffered(event, context)
      } finally {
        flushMetrics()
      }
    },

    streamHandler: streamify(async (event: unknown, out: Writable, context: Context) => {
      try {
        await streamed(event, out, context)
      } finally {
        flushMetrics()
      }
    }),

    async sweepHandler (_event, context) {
      const startedAt = performance.now()
      const remainingMs = context.getRemainingTimeInMillis()
      const swept = await catalog.sweep({ resume: true, timeMs: Math.max(remainingMs / 2, remainingMs - sweepMarginMs) })
      logSweep(logger, [swept], performance.now() - startedAt)
      // CloudWatch charges for each hour in which a metric is written. What is not written now is part of the next line.
      if (foundWork(swept)) flushMetrics()
      if (swept.error !== undefined) throw swept.error
      return totalOf([swept])
    }
  }
}

/** Passes events to the app. Routes are compiled here: the start of a function has more CPU time than its first request. */
async function handlersOf (app: FastifyInstance) {
  const routes: string[] = []
  app.addHook('onRoute', ({ url }) => { routes.push(url) })

  /** The app as the proxy sees it. A streamed response is sent from here, and the proxy gets an empty one when it has ended. */
  const target = Object.create(app, {
    inject: {
      value (request: InjectOptions, done: LightMyRequestCallback) {
        const invocation = current()
        if (invocation.out === undefined) return app.inject(request, done)
        const answer = { statusCode: 200, headers: {}, payload: '', rawPayload: Buffer.alloc(0) }
        invocation.ended = streamAnswer(app, request, invocation.out).finally(() => { done(undefined, answer as never) })
      }
    }
  }) as FastifyInstance

  const proxy = awsLambdaFastify(target, {
    decorateRequest: false,
    // A comma is an ordinary character of a value.
    parseCommaSeparatedQueryParams: false,
    // normalizeEvent has removed the stage already, and a path may begin with the stage's name.
    retainStage: true,
    enforceBase64: (answer) => needsBase64(answer as unknown as Parameters<typeof needsBase64>[0])
  })

  await app.ready()
  const isRoute = routeMatcher(routes)

  /** @throws UnsupportedEventError, which the caller of the function gets */
  function requestOf (event: unknown, { awsRequestId }: Context): HttpEvent {
    try {
      return normalizeEvent(httpEventOf(event), isRoute)
    } catch (error) {
      app.log.error({ err: error, lambda_request_id: awsRequestId }, 'unsupported event')
      throw error
    }
  }

  return {
    buffered: async (received: unknown, context: Context): Promise<unknown> => {
      const event = requestOf(received, context)
      return invocations.run({ event, context }, () => proxy(event, context))
    },
    streamed: async (received: unknown, out: Writable, context: Context): Promise<void> => {
      const event = requestOf(received, context)
      const invocation: Invocation = { event, context, out }
      await invocations.run(invocation, () => Promise.all([proxy(event, context), invocation.ended]))
    }
  }
}

function current (): Invocation {
  return invocations.getStore()!
}

/** Whether a request waits for this start. If not, as with provisioned concurrency, all that can be done before is done before. */
function startsForRequest ({ AWS_LAMBDA_INITIALIZATION_TYPE: type = 'on-demand' }: NodeJS.ProcessEnv): boolean {
  return type === 'on-demand'
}

/** Another package may have created the global without the functions of Lambda's runtime. */
function streamify<Stream extends (event: unknown, out: Writable, context: Context) => Promise<void>> (stream: Stream): Stream {
  const runtime = (globalThis as { awslambda?: Partial<typeof awslambda> }).awslambda
  return (runtime?.streamifyResponse?.(stream) ?? stream) as Stream
}
