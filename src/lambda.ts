import awsLambdaFastify from '@fastify/aws-lambda'
import type { Context } from 'aws-lambda'
import { buildApp } from './app/build-app.ts'
import { loadSettings } from './app/config.ts'
import { type HttpEvent, needsBase64, normalizeEvent } from './app/lambda-event.ts'
import { createLogger, unbufferedOutput } from './app/logger.ts'
import { wire } from './wiring.ts'

declare module 'fastify' {
  interface FastifyRequest { awsLambda: { event: HttpEvent | undefined, context: Context | undefined } }
}

const settings = loadSettings(process.env)
const { log, checks } = await wire(settings)
const app = buildApp({
  log,
  checks,
  logger: createLogger(settings.LOG_LEVEL, unbufferedOutput()),
  platformFacts: ({ awsLambda: { context } }) => context === undefined ? undefined : { lambda_request_id: context.awsRequestId }
})

const proxy = awsLambdaFastify(app, {
  decorateRequest: true,
  // A comma is a character of a value like any other.
  parseCommaSeparatedQueryParams: false,
  // normalizeEvent has taken the stage away, and a path may rightly begin like the stage.
  retainStage: true,
  enforceBase64: (answer) => needsBase64(answer as unknown as Parameters<typeof needsBase64>[0])
})

// Routes are compiled during the start of the function, which has more CPU than its first request.
await app.ready()

/** For REST APIs, HTTP APIs and function URLs. A REST API has to name all types as binary, or its largest pages stay base64. */
export function handler (event: HttpEvent, context: Context): Promise<unknown> {
  return proxy(normalizeEvent(event), context)
}
