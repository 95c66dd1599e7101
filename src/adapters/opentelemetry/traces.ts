import type { Attributes, Context, Link, Span, Tracer } from '@opentelemetry/api'
import type { OpenTelemetry } from '../../../tracing/start.mjs'
import type { TracedOperation, TracedResult, TraceSpan, Traces } from '../../ports/traces.ts'
import type { StoreOperation } from '../../ports/telemetry.ts'

/** Attributes are named by the conventions for messaging (https://opentelemetry.io/docs/specs/semconv/messaging/). */
const system = { 'messaging.system': 'serverless_streams' }

/** @param linksMax links of one span */
export function createTraces (otel: OpenTelemetry, linksMax: number): Traces {
  return new OpenTelemetryTraces(otel, linksMax)
}

class OpenTelemetryTraces implements Traces {
  readonly #otel: OpenTelemetry
  readonly #linksMax: number
  readonly #tracer: Tracer
  readonly #root: Context

  constructor (otel: OpenTelemetry, linksMax: number) {
    this.#otel = otel
    this.#linksMax = linksMax
    this.#tracer = otel.trace.getTracer('serverless-streams')
    // Nothing that is done in it has a span, neither of ours nor of the AWS SDK.
    this.#root = otel.suppressTracing(otel.ROOT_CONTEXT)
  }

  current (): TraceSpan | undefined {
    return this.#otel.trace.getActiveSpan() as unknown as TraceSpan | undefined
  }

  operation<T> (operation: TracedOperation, work: () => Promise<T>, describe: (answer: T) => TracedResult): Promise<T> {
    const parent = this.#otel.context.active()
    // All samplers decide for the whole trace.
    if (this.#otel.trace.getSpan(parent)?.isRecording() !== true) return work()
    const span = this.#start(nameOf(operation), attributesOf(operation), parent)
    return this.#within(span, parent, work, (answer) => { this.#describe(span, () => describe(answer)) })
  }

  async wait<T> (
    operation: TracedOperation, within: TraceSpan | undefined, work: () => Promise<T>, describe: (answer: T) => TracedResult | undefined
  ): Promise<T> {
    const request = within === undefined ? undefined : spanOf(within)
    if (request?.isRecording() !== true) return await work()
    const startTime = Date.now()
    const parent = this.#contextOf(request)
    const answer = await this.#otel.context.with(parent, work)
    const result = this.#try(() => describe(answer))
    if (result === undefined) return answer
    const span = this.#tracer.startSpan(nameOf(operation), { attributes: attributesOf(operation), startTime }, parent)
    this.#describe(span, () => result)
    span.end()
    return answer
  }

  shared<T> (name: string, topic: string, operations: ReadonlyArray<TraceSpan | undefined>, work: () => Promise<T>): Promise<T> {
    const [first, ...others] = operations.filter((span) => span !== undefined).map(spanOf).filter((span) => span.isRecording())
    if (first === undefined) return this.detached(work)
    const parent = this.#contextOf(first)
    const links = others.slice(0, this.#linksMax).map((other) => ({ context: other.spanContext() }))
    const span = this.#start(`${name} ${topic}`, { ...system, 'messaging.destination.name': topic }, parent, links)
    if (operations.length > 1) span.setAttribute('serverless_streams.operations', operations.length)
    for (const other of others) other.addLink({ context: span.spanContext() })
    return this.#within(span, parent, work)
  }

  call<T> (operation: StoreOperation, call: () => Promise<T>): Promise<T> {
    const { context, trace } = this.#otel
    const active = context.active()
    if (trace.getSpan(active)?.isRecording() !== true) return context.with(this.#root, call)
    return this.#within(this.#start(operation, {}, active), active, call)
  }

  detached<T> (work: () => T): T {
    return this.#otel.context.with(this.#root, work)
  }

  #start (name: string, attributes: Attributes, parent: Context, links: Link[] = []): Span {
    return this.#tracer.startSpan(name, { attributes, links }, parent)
  }

  #contextOf (span: Span): Context {
    return this.#otel.trace.setSpan(this.#otel.ROOT_CONTEXT, span)
  }

  /** Ends the span with the work. The outcome is the work's. */
  async #within<T> (span: Span, parent: Context, work: () => Promise<T>, answered?: (answer: T) => void): Promise<T> {
    const { context, trace, SpanStatusCode } = this.#otel
    try {
      const answer = await context.with(trace.setSpan(parent, span), work)
      answered?.(answer)
      return answer
    } catch (error) {
      // The text of an error may have something of a message in it.
      span.setAttribute('error.type', typeOf(error))
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  }

  #describe (span: Span, describe: () => TracedResult): void {
    if (!span.isRecording()) return
    const { messages, offset, traceparents } = this.#try(describe) ?? {}
    if (messages !== undefined) span.setAttribute('messaging.batch.message_count', messages)
    if (offset !== undefined) span.setAttribute('messaging.serverless_streams.offset', offset)
    const linked = new Set<string>()
    for (const traceparent of traceparents ?? []) {
      if (linked.size >= this.#linksMax) break
      const context = this.#otel.parseTraceParent(traceparent)
      if (context === null || linked.has(traceparent)) continue
      linked.add(traceparent)
      span.addLink({ context: { ...context, isRemote: true } })
    }
  }

  /** A message that can't be looked into, because another program has stored it, must not fail its request. */
  #try<T> (describe: () => T): T | undefined {
    try {
      return describe()
    } catch {
      return undefined
    }
  }
}

function spanOf (span: TraceSpan): Span {
  return span as unknown as Span
}

function nameOf ({ name, topic }: TracedOperation): string {
  return `${name} ${topic}`
}

function attributesOf ({ kind, name, topic, group, offset }: TracedOperation): Attributes {
  return {
    ...system,
    'messaging.operation.type': kind,
    'messaging.operation.name': name,
    'messaging.destination.name': topic,
    ...group !== undefined && { 'messaging.consumer.group.name': group },
    ...offset !== undefined && { 'messaging.serverless_streams.offset': offset }
  }
}

/** The code of one of our errors, or the failure of a store. */
function typeOf (error: unknown): string {
  const { code, failure, name } = error as { code?: unknown, failure?: unknown, name?: unknown }
  return [code, failure, name].find((value): value is string => typeof value === 'string') ?? '_OTHER'
}
