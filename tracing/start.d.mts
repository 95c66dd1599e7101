import type { Context, ContextAPI, SpanContext, SpanStatusCode, TraceAPI } from '@opentelemetry/api'

/** What the adapter uses of the packages. Here, because the packages themselves need not be installed. */
export interface OpenTelemetry {
  readonly context: ContextAPI
  readonly trace: TraceAPI
  readonly ROOT_CONTEXT: Context
  readonly SpanStatusCode: typeof SpanStatusCode
  getRPCMetadata (context: Context): { route?: string } | undefined
  parseTraceParent (traceParent: string): SpanContext | null
  suppressTracing (context: Context): Context
  /** Exports what is left. Takes as long as the exporter tries: up to 10 s. */
  shutdown (): Promise<void>
}

/** @param report gets what OpenTelemetry logs about itself */
export function start (report: (level: 'error' | 'warn' | 'info' | 'debug', text: string) => void): OpenTelemetry
