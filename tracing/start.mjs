// Loads OpenTelemetry. Only src/adapters/opentelemetry imports this file, and only if traces are on. The packages are installed
// apart, by `npm ci --prefix tracing`, because they are two thirds as large as all others that the server needs.
import { createRequire } from 'node:module'
import { context, diag, DiagLogLevel, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { getRPCMetadata, parseTraceParent, suppressTracing } from '@opentelemetry/core'
import { AwsInstrumentation } from '@opentelemetry/instrumentation-aws-sdk'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { NodeSDK } from '@opentelemetry/sdk-node'

/** Paths that are asked for every few seconds, and say nothing about clients. */
const untraced = /^(\/v1)?\/(health|ready|metrics)(\?|$)/

/** Where these variables are not set. The service has metrics and a log of its own. */
const defaults = {
  OTEL_SERVICE_NAME: /(^|,)\s*service\.name=/.test(process.env.OTEL_RESOURCE_ATTRIBUTES ?? '') ? undefined : 'serverless-streams',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '1024'
}

export function start (report) {
  for (const [name, value] of Object.entries(defaults)) if (value !== undefined) process.env[name] ||= value
  const sdk = new NodeSDK({
    instrumentations: [
      new HttpInstrumentation({
        disableOutgoingRequestInstrumentation: true,
        ignoreIncomingRequestHook: ({ url }) => untraced.test(url),
        // A query is the only part of a URL that can have a secret in it, by mistake of a client.
        startIncomingSpanHook: () => ({ 'url.query': undefined })
      }),
      new AwsInstrumentation({ suppressInternalInstrumentation: true })
    ]
  })
  // After the constructor, which sets one that writes into standard output.
  const level = DiagLogLevel[process.env.OTEL_LOG_LEVEL?.toUpperCase()] ?? DiagLogLevel.WARN
  diag.setLogger({
    error: (text) => { report('error', text) },
    warn: (text) => { report('warn', text) },
    info: (text) => { report('info', text) },
    debug: (text) => { report('debug', text) },
    verbose: (text) => { report('debug', text) }
  }, { logLevel: level, suppressOverrideMessage: true })
  sdk.start()
  // The server has imported it before. The instrumentation sees only what is required, and changes its prototype.
  createRequire(import.meta.url)('node:http')
  return { context, trace, ROOT_CONTEXT, SpanStatusCode, getRPCMetadata, parseTraceParent, suppressTracing, shutdown: () => sdk.shutdown() }
}
