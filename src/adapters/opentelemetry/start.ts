import type { OpenTelemetry } from '../../../tracing/start.mjs'
import type { Traces } from '../../ports/traces.ts'
import { createTraces } from './traces.ts'

/** OpenTelemetry repeats itself with each batch that it can't export. */
const reportMs = 60_000

export type ReportLevel = 'error' | 'warn' | 'info' | 'debug'

export interface Tracing {
  readonly traces: Traces
  /** Notes the request that is being handled. @param route its pattern */
  readonly noteRequest: (id: string, route: string | undefined) => void
  /** Fields for the log line of the request that is being handled. */
  readonly logFields: () => Record<string, string> | undefined
  /** Exports what is left. @returns false if that takes longer than `ms`: then it is lost */
  stop (ms: number): Promise<boolean>
}

/** Traces cannot be made. The message tells the operator what to do. */
export class TracingError extends Error {
  override readonly name = 'TracingError'
}

/**
 * Loads OpenTelemetry, which takes its settings from the standard variables. To be called before the AWS SDK is loaded.
 * @param linksMax links of one span
 * @param report gets what OpenTelemetry has to say about itself; the same text once a minute
 * @throws TracingError
 */
export async function startTracing (linksMax: number, report: (level: ReportLevel, text: string) => void): Promise<Tracing> {
  const otel = await load(atMostOnceAMinute(report))
  const { context, trace } = otel
  return {
    traces: createTraces(otel, linksMax),
    noteRequest (id, route) {
      // Fastify sends headers in a way in which the instrumentation does not see them.
      trace.getActiveSpan()?.setAttribute('http.response.header.x-request-id', [id])
      const metadata = otel.getRPCMetadata(context.active())
      if (metadata !== undefined && route !== undefined) metadata.route = route
    },
    logFields () {
      const span = trace.getActiveSpan()?.spanContext()
      return span === undefined ? undefined : { trace_id: span.traceId, span_id: span.spanId }
    },
    stop: (ms) => Promise.race([
      otel.shutdown().then(() => true, () => false),
      new Promise<boolean>((resolve) => { setTimeout(resolve, ms, false) })
    ])
  }
}

async function load (report: (level: ReportLevel, text: string) => void): Promise<OpenTelemetry> {
  try {
    const { start } = await import('../../../tracing/start.mjs')
    return start(report)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
    throw new TracingError(missing
      ? 'the packages of OpenTelemetry are not installed: run "npm ci --prefix tracing"'
      : `OpenTelemetry did not start: ${String(cause)}`, { cause })
  }
}

function atMostOnceAMinute (report: (level: ReportLevel, text: string) => void): typeof report {
  const reported = new Map<string, number>()
  return (level, text) => {
    const now = performance.now()
    const kind = text.slice(0, 40)
    if (now - (reported.get(kind) ?? -Infinity) < reportMs) return
    // Texts with something changing at their beginning.
    if (reported.size >= 100) reported.clear()
    reported.set(kind, now)
    report(level, text.slice(0, 1_000))
  }
}
