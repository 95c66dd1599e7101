import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dropFolder, type Server, startServer, workFolder } from '../lib/children.ts'
import { load, type LoadResult, post } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { rawOf, rowsOf, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over, ratios } from '../lib/rounds.ts'
import { collector, oursMemory } from '../subjects/index.ts'
import { type Subject, withServer } from '../subjects/subject.ts'
import { type Scenario, Skipped } from './scenario.ts'

const payloadBytes = 100
const connections = 64
/** A checkout of another version, to compare with the version before traces. */
const other = process.env['BENCH_OTHER_VERSION']

const off = { ...oursMemory, name: 'off' }

export const tracing: Scenario = {
  name: 'tracing',
  title: 'Appends with traces',
  async run (options): Promise<ScenarioResult> {
    if (!existsSync(new URL('../../tracing/node_modules', import.meta.url))) throw new Skipped('npm ci --prefix tracing')
    return withCollector(options, (endpoint) => compare(subjectsOf(endpoint), options))
  }
}

async function compare ({ before, subjects }: ReturnType<typeof subjectsOf>, options: Options): Promise<ScenarioResult> {
  const request = post('/topics/traced/produce', `{"payload":${payloadOf(payloadBytes)}}`)
  const outcomes = await interleaved(options.rounds, subjects, (subject) => withServer(subject, options, async (server) => {
    await load({ server, connections, seconds: options.warmupSeconds, request })
    return load({ server, connections, seconds: options.seconds, request })
  }))
  const beside = (subject: Subject, value: (result: LoadResult) => number): number[] =>
    ratios(outcomes.get(subject), outcomes.get(off), value)
  return {
    notes: [
      `${payloadBytes} bytes of JSON a message, 1 message a request, ${connections} connections in a closed loop, in memory, without a ` +
      'log. Clients send no traceparent, so the server samples by itself. Spans go to another process, which drops them; it shares the ' +
      'cores.',
      before === undefined
        ? 'BENCH_OTHER_VERSION names a checkout of another version: then that is measured, too.'
        : `"Other version" is ${other}.`
    ],
    tables: [{
      columns: ['traces', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs/append'],
      ...rowsOf(outcomes, (results) => [
        show(over(results, ({ perSecond }) => perSecond)),
        show(over(results, ({ p50Ms }) => p50Ms)),
        show(over(results, ({ p99Ms }) => p99Ms)),
        show(over(results, ({ serverCpuMicros }) => serverCpuMicros))
      ])
    }],
    figures: before === undefined
      ? []
      : [{
        what: 'traces off: CPU an append, beside the other version',
        bound: 'at most',
        goal: 1.03,
        unit: 'times',
        values: beside(before, ({ serverCpuMicros }) => serverCpuMicros).map((times) => 1 / times)
      } satisfies Figure],
    raw: rawOf(outcomes)
  }
}

function subjectsOf (endpoint: string): { readonly before: Subject | undefined, readonly subjects: Subject[] } {
  const on = (share: string): Subject => ({
    ...oursMemory,
    name: `on, ${Number(share) * 100} % sampled`,
    env: (folder) => ({
      ...oursMemory.env(folder),
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: share
    })
  })
  const before = other === undefined ? undefined : { ...oursMemory, name: 'other version', args: [join(other, 'src/server.ts')] }
  return { before, subjects: [...before === undefined ? [] : [before], off, on('0'), on('0.01'), on('1')] }
}

async function withCollector<T> ({ dataDir }: Options, use: (endpoint: string) => Promise<T>): Promise<T> {
  const folder = workFolder(dataDir, 'collector')
  let server: Server | undefined
  try {
    server = await startServer({ args: collector, env: {}, folder })
    return await use(`http://127.0.0.1:${server.port}`)
  } finally {
    await server?.stop()
    dropFolder(folder)
  }
}
