import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { eventually } from '../eventually.ts'

const isInstalled = existsSync(new URL('../../../tracing/node_modules/@opentelemetry/sdk-node', import.meta.url))
if (!isInstalled && process.env['REQUIRE_TRACING'] === '1') throw new Error('the packages of traces are missing: npm ci --prefix tracing')

/** For the `skip` option of a test: why it can't run here, or false. */
export const withoutTracing: string | false = isInstalled ? false : 'the packages of traces are missing (npm ci --prefix tracing)'

/** In the JSON of OTLP (https://opentelemetry.io/docs/specs/otlp/). */
interface Exported {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: Attributes }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: readonly ExportedSpan[] }>
  }>
}

type Value = { readonly arrayValue?: { readonly values: readonly Value[] } } & Readonly<Record<string, unknown>>
type Attributes = ReadonlyArray<{ readonly key: string, readonly value: Value }>

interface ExportedSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly attributes: Attributes
  readonly links?: ReadonlyArray<{ readonly traceId: string, readonly spanId: string }>
  readonly status: { readonly code: number, readonly message?: string }
}

export interface Span extends Omit<ExportedSpan, 'attributes' | 'links' | 'status'> {
  readonly attributes: Readonly<Record<string, unknown>>
  /** As `trace id-span id`. */
  readonly links: readonly string[]
  readonly failed: boolean
}

export interface Collector {
  /** For a server that exports to it, soon. */
  readonly environment: Readonly<Record<string, string>>
  readonly spans: Span[]
  readonly resources: Array<Readonly<Record<string, unknown>>>
  /** All that was received, as text. */
  text: string
  /** Waits for a span with the name. */
  span (name: string): Promise<Span>
}

/** A collector of OpenTelemetry, which gets traces by HTTP. */
export async function startCollector (t: TestContext): Promise<Collector> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) }).on('end', () => {
      take(Buffer.concat(chunks).toString())
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const collector: Collector = {
    environment: environmentFor((server.address() as AddressInfo).port),
    spans: [],
    resources: [],
    text: '',
    async span (name) {
      await eventually(() => collector.spans.some((span) => span.name === name))
      return collector.spans.find((span) => span.name === name)!
    }
  }
  function take (text: string): void {
    collector.text += text
    for (const { resource, scopeSpans } of (JSON.parse(text) as Exported).resourceSpans) {
      collector.resources.push(valuesOf(resource.attributes))
      collector.spans.push(...scopeSpans.flatMap(({ spans }) => spans.map(spanOf)))
    }
  }
  return collector
}

/** Batches are exported after 50 ms; by default, after 5 s. */
export function environmentFor (port: number): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '50'
  }
}

function spanOf ({ attributes, links = [], status, ...rest }: ExportedSpan): Span {
  return {
    ...rest,
    attributes: valuesOf(attributes),
    links: links.map(({ traceId, spanId }) => `${traceId}-${spanId}`),
    failed: status.code === 2
  }
}

function valuesOf (attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))
}

function valueOf (value: Value): unknown {
  return value.arrayValue === undefined ? Object.values(value)[0] : value.arrayValue.values.map(valueOf)
}

/** The names from the request down to the span. */
export function pathTo ({ spans }: Collector, span: Span): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)
  return [...parent === undefined ? [] : pathTo({ spans } as Collector, parent), span.name]
}
