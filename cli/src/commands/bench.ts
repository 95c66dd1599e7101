import { jsonText, type StreamsClient, type Topic } from '../../../clients/typescript/src/index.ts'
import { sleep } from '../../../clients/typescript/src/waiting.ts'
import { counted, grouped, sizeText } from '../output.ts'
import type { Session } from '../session.ts'

export interface BenchOptions {
  readonly messages: number
  readonly size: number
  readonly connections: number
  readonly rate: number
  readonly duration: number
  readonly topic?: string
}

const barChars = 40

/** Measures the service as this client sees it. */
export async function bench (session: Session, options: BenchOptions): Promise<void> {
  const { signal, out, notes } = session
  const client = session.clientWith({ timeoutMs: 60_000 })
  const name = options.topic ?? `bench-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`
  const topic = client.topic<string>(name, { codec: jsonText })
  const payload = JSON.stringify('x'.repeat(Math.max(0, options.size - 2)))
  if (!out.json) out.line(`${session.connection.url}, topic ${name}, payloads of ${sizeText(payload.length)}`)
  try {
    await topic.create({}, { signal })
    const parts = [appendMany, appendSingly, readAll, measureWay]
    for (const part of parts) {
      signal.throwIfAborted()
      const result = await part({ ...options, client, name, topic, payload, signal })
      if (out.json) out.value(result)
      else show(session, result)
      out.flush()
    }
  } finally {
    if (options.topic === undefined) {
      // Also after Ctrl-C: the topic is of no use to anybody.
      await topic.delete().catch(() => { notes.warn(`${name} could not be deleted: streams topics rm ${name}`) })
    }
  }
}

interface Part extends Omit<BenchOptions, 'topic'> {
  readonly client: StreamsClient
  readonly name: string
  readonly topic: Topic<string>
  readonly payload: string
  readonly signal: AbortSignal
}

interface Result {
  readonly part: string
  readonly messages: number
  readonly seconds: number
  readonly messages_per_second: number
  readonly bytes_per_second: number
  /** In ms. */
  readonly latency_ms?: Percentiles
  readonly histogram?: readonly Bucket[]
}

interface Percentiles { readonly p50: number, readonly p90: number, readonly p99: number, readonly max: number }

interface Bucket { readonly up_to_ms: number, readonly count: number }

function resultOf (part: string, messages: number, seconds: number, bytes: number, latencies?: readonly number[]): Result {
  const rates = { messages_per_second: Math.round(messages / seconds), bytes_per_second: Math.round(bytes / seconds) }
  const shared = { part, messages, seconds: Number(seconds.toFixed(3)), ...rates }
  if (latencies === undefined || latencies.length === 0) return shared
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number): number => Number(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2))
  return { ...shared, latency_ms: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }, histogram: histogramOf(sorted) }
}

/** Buckets that double, from the one of the smallest. */
function histogramOf (sorted: readonly number[]): Bucket[] {
  const buckets: Bucket[] = []
  let index = 0
  for (let upTo = 2 ** Math.ceil(Math.log2(Math.max(0.125, sorted[0]!))); index < sorted.length; upTo *= 2) {
    const begin = index
    while (index < sorted.length && sorted[index]! <= upTo) index++
    buckets.push({ up_to_ms: upTo, count: index - begin })
  }
  return buckets
}

function show ({ out }: Session, { part, messages, seconds, latency_ms: latency, histogram = [], ...rates }: Result): void {
  out.line('')
  out.line(`${out.style('bold', part)}: ${grouped(rates.messages_per_second)}/s, ${sizeText(rates.bytes_per_second)}/s ` +
    `(${counted(messages, 'message')} in ${seconds.toFixed(1)} s)`)
  if (latency === undefined) return
  const { p50, p90, p99, max } = latency
  out.line(`  latency: p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms`)
  const most = Math.max(...histogram.map(({ count }) => count))
  for (const { up_to_ms: upTo, count } of histogram) {
    const bar = '█'.repeat(Math.ceil(count / most * barChars))
    out.line(`  ${`≤ ${upTo} ms`.padStart(12)} ${out.style('cyan', bar.padEnd(barChars))} ${grouped(count)}`)
  }
}

async function appendMany ({ topic, payload, messages, signal }: Part): Promise<Result> {
  const startedAt = performance.now()
  const producer = topic.producer({ stopOnError: true, signal })
  for (let n = 0; n < messages; n++) {
    await producer.ready
    producer.send(payload)
  }
  await producer.close()
  return resultOf('append in batches', messages, secondsSince(startedAt), messages * payload.length)
}

async function appendSingly ({ topic, payload, connections, duration, signal }: Part): Promise<Result> {
  const startedAt = performance.now()
  const latencies: number[] = []
  await Promise.all(Array.from({ length: connections }, async () => {
    while (performance.now() - startedAt < duration) {
      const sentAt = performance.now()
      await topic.append(payload, { idempotencyKey: false, signal })
      latencies.push(performance.now() - sentAt)
    }
  }))
  const part = `append one by one, ${counted(connections, 'connection')}`
  return resultOf(part, latencies.length, secondsSince(startedAt), latencies.length * payload.length, latencies)
}

async function readAll ({ topic, signal }: Part): Promise<Result> {
  const startedAt = performance.now()
  let messages = 0
  let bytes = 0
  for await (const { payload } of topic.read({ signal })) {
    messages++
    bytes += payload.length
  }
  return resultOf('read', messages, secondsSince(startedAt), bytes)
}

/** From the call that appends a message to its arrival at a follower. */
async function measureWay ({ client, name, topic, rate, duration, payload, signal }: Part): Promise<Result> {
  const stop = new AbortController()
  const abort = (): void => { stop.abort() }
  signal.addEventListener('abort', abort)
  const { end } = await topic.describe({ signal })
  const sentAt = new Map<string, number>()
  const latencies: number[] = []
  const follower = (async () => {
    for await (const { key } of client.topic(name).follow({ from: end, signal: stop.signal })) {
      const at = sentAt.get(key ?? '')
      if (at !== undefined) latencies.push(performance.now() - at)
    }
  })()
  const startedAt = performance.now()
  const appends: Array<Promise<unknown>> = []
  const total = Math.max(1, Math.round(rate * duration / 1_000))
  for (let n = 0; n < total; n++) {
    const dueAt = startedAt + n * 1_000 / rate
    if (dueAt > performance.now()) await sleep(dueAt - performance.now(), signal)
    sentAt.set(String(n), performance.now())
    appends.push(topic.append(payload, { key: String(n), signal }))
  }
  await Promise.all(appends)
  const seconds = secondsSince(startedAt)
  for (let waited = 0; latencies.length < total && waited < 5_000; waited += 20) await sleep(20, signal)
  abort()
  await follower
  signal.removeEventListener('abort', abort)
  return resultOf(`from append to follower, ${rate} a second`, latencies.length, seconds, latencies.length * payload.length, latencies)
}

function secondsSince (startedAt: number): number {
  return (performance.now() - startedAt) / 1_000
}
