import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { functionUrlEvent } from '../../test/support/lambda/events.ts'
import { dropFolder, startServer, workFolder } from '../lib/children.ts'
import { buildFunctions, type BuiltFunctions } from '../lib/lambda-functions.ts'
import { type Answer, type LambdaFunction, LambdaRuntime } from '../lib/lambda-runtime.ts'
import type { Options } from '../lib/options.ts'
import { type Figure, rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, type Outcome, over, ratios } from '../lib/rounds.ts'
import { percentiles } from '../lib/statistics.ts'
import type { Scenario } from './scenario.ts'

/** The folder of the package aws-lambda-ric, which is built when it is installed, so that it is no dependency. */
const ric = process.env['LAMBDA_RIC'] ?? ''

const json = { 'content-type': 'application/json' }
const produce = (body: string): object => functionUrlEvent({
  method: 'POST', url: '/topics/bench/produce', headers: json, body: Buffer.from(body)
})
const message = '{"payload":{"item":"book","quantity":2}}'
const events = {
  health: functionUrlEvent({ method: 'GET', url: '/health' }),
  produce: produce(message),
  consume: functionUrlEvent({ method: 'GET', url: '/topics/bench/consume' })
} as const
type Kind = keyof typeof events
const kinds = Object.keys(events) as Kind[]

interface Subject { readonly name: string, readonly folder: keyof Omit<BuiltFunctions, 'loop'>, readonly client: 'loop' | 'ric' }
type Started = Readonly<Record<Kind, Answer>>

const bareHandler: Subject = { name: 'bare handler', folder: 'bare', client: 'loop' }
const built: Subject = { name: 'ours, built', folder: 'bundled', client: 'loop' }
const bareUnderRic: Subject = { name: 'aws-lambda-ric, bare handler', folder: 'bare', client: 'ric' }
const builtUnderRic: Subject = { name: 'aws-lambda-ric, ours, built', folder: 'bundled', client: 'ric' }
const subjects: readonly Subject[] = [
  bareHandler,
  { name: 'naive', folder: 'naive', client: 'loop' },
  { name: 'ours, sources', folder: 'sources', client: 'loop' },
  built,
  ...ric === '' ? [] : [bareUnderRic, builtUnderRic]
]

interface Bench {
  readonly runtime: LambdaRuntime
  readonly built: BuiltFunctions
  readonly environment: Readonly<Record<string, string>>
}

export const coldStart: Scenario = {
  name: 'cold-start',
  title: 'A Lambda function from its start to the first answer',
  async run (options: Options): Promise<ScenarioResult> {
    const folder = workFolder(options.dataDir, 'cold-start')
    const runtime = await LambdaRuntime.open()
    const aws = await startServer({ args: [fileURLToPath(new URL('../subjects/instant-aws.ts', import.meta.url))], env: {}, folder })
    try {
      const bench: Bench = { runtime, built: await buildFunctions(folder), environment: environmentOf(aws.port) }
      await fill(bench)
      const rounds = options.quick ? 2 : Math.max(9, options.rounds)
      const started = await interleaved(rounds, subjects, (subject) => start(bench, subject))
      const warm = await interleaved(options.quick ? 1 : 3, [bareHandler, built], (subject) => warmUp(bench, subject, options))
      return report(started, warm, rounds)
    } finally {
      runtime.close()
      await aws.stop()
      dropFolder(folder)
    }
  }
}

/** @param port of S3 and DynamoDB */
export function environmentOf (port: number): Record<string, string> {
  return {
    BUCKET_NAME: 'bench-bucket',
    COUNTERS_TABLE: 'bench-table',
    BENCH_S3_KEY: 'topics/bench/00000000000000000010.json',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    // An address, so that the bucket is not part of the host's name.
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AUTH: 'none'
  }
}

function functionOf ({ built, environment }: Bench, folder: Subject['folder']): LambdaFunction {
  return { root: built[folder], handler: 'index.handler', environment }
}

/** Stores a segment of ten messages, for all that read. */
async function fill (bench: Bench): Promise<void> {
  const ten = `{"messages":[${Array<string>(10).fill(message).join()}]}`
  const [stored, read] = await bench.runtime.run(bench.built.loop, functionOf(bench, 'bundled'), [produce(ten), events.consume])
  if (!read!.text.includes('\\"offset\\":10,')) throw new Error(`expected ten messages, got ${stored!.text} and ${read!.text}`)
}

/** Each kind of request is the first one of a process of its own. */
async function start (bench: Bench, { folder, client }: Subject): Promise<Started> {
  const program = client === 'ric' ? join(ric, 'index.mjs') : bench.built.loop
  const answers: Partial<Record<Kind, Answer>> = {}
  for (const kind of kinds) {
    const [answer] = await bench.runtime.run(program, functionOf(bench, folder), [events[kind]])
    if (!answer!.text.includes('"statusCode":200')) throw new Error(`${kind}: ${answer!.text.slice(0, 300)}`)
    answers[kind] = answer!
  }
  return answers as Started
}

interface Warm { readonly produceMs: number, readonly consumeMs: number }

/** The medians of a process that has answered for a while. */
async function warmUp (bench: Bench, { folder }: Subject, { quick }: Options): Promise<Warm> {
  const [unmeasured, measured] = quick ? [50, 100] : [1_000, 1_500]
  const median = async (event: object): Promise<number> => {
    const answers = await bench.runtime.run(bench.built.loop, functionOf(bench, folder), Array<object>(unmeasured + measured).fill(event))
    return percentiles(Float64Array.from(answers.slice(unmeasured), ({ ms }) => ms), 0.5)[0]!
  }
  return { produceMs: await median(events.produce), consumeMs: await median(events.consume) }
}

type Outcomes<T> = ReadonlyMap<Subject, Outcome<T>>

function report (started: Outcomes<Started>, warm: Outcomes<Warm>, rounds: number): ScenarioResult {
  const times = (value: (start: Started) => number, [ours, bare] = [built, bareHandler]) =>
    ratios(started.get(ours), started.get(bare), value)
  const figure = (what: string, goal: number, unit: string, values: readonly number[]): Figure => (
    { what, bound: 'at most', goal, unit, values })
  const own = (value: (warm: Warm) => number): number[] => {
    const [ours, bare] = [warm.get(built)?.results ?? [], warm.get(bareHandler)?.results ?? []]
    return ours.slice(0, bare.length).map((result, round) => value(result) - value(bare[round]!))
  }
  const cells = (kind: Kind, value: (answer: Answer) => number) => (results: readonly Started[]): string =>
    show(over(results, (start) => value(start[kind])))
  return {
    notes: [
      'Milliseconds from just before the process is started to its first answer, and the CPU time of all its threads until then; ' +
      `${rounds} interleaved rounds, files in the page cache. Each first request has a process of its own.`,
      'The process runs a client of the Runtime API (test/support/lambda/runtime-loop.ts, as JavaScript), which loads the function and ' +
      'asks for an event, as on Lambda. S3 and DynamoDB are another process that answers at once.',
      '"Naive": Fastify and both clients of the SDK are imported and made at the top; one bundle, minified. It makes the same calls.',
      '"Own time" of warm requests: the median with a bare handler subtracted. The two calls to S3 and DynamoDB are in it.',
      ...ric === '' ? ['aws-lambda-ric was not measured: LAMBDA_RIC names the folder of that package.'] : []
    ],
    tables: [
      {
        caption: 'From start to first answer, ms',
        columns: ['', ...kinds, ...kinds.map((kind) => `${kind}, CPU`), 'peak MiB'],
        ...rowsOf(started, (results) => [
          ...kinds.map((kind) => cells(kind, ({ ms }) => ms)(results)), ...kinds.map((kind) => cells(kind, ({ cpuMs }) => cpuMs)(results)),
          cells('produce', ({ peakMiB }) => peakMiB)(results)
        ])
      },
      {
        caption: 'Warm, median ms',
        columns: ['', 'produce', 'consume of 10'],
        ...rowsOf(warm, (results) => [
          show(over(results, ({ produceMs }) => produceMs)), show(over(results, ({ consumeMs }) => consumeMs))
        ])
      }
    ],
    figures: [
      figure('/health, times the bare handler', 2, 'times', times(({ health }) => health.ms)),
      figure('first produce, times the bare handler', 3, 'times', times(({ produce }) => produce.ms)),
      figure('first consume, times the bare handler', 3, 'times', times(({ consume }) => consume.ms)),
      figure('/health, CPU', 2, 'times', times(({ health }) => health.cpuMs)),
      figure('first produce, CPU', 3, 'times', times(({ produce }) => produce.cpuMs)),
      figure('first consume, CPU', 3, 'times', times(({ consume }) => consume.cpuMs)),
      figure('/health under aws-lambda-ric', 3, 'times', times(({ health }) => health.ms, [builtUnderRic, bareUnderRic])),
      figure('warm produce, own time', 2, 'ms', own(({ produceMs }) => produceMs)),
      figure('warm consume of 10, own time', 1.2, 'ms', own(({ consumeMs }) => consumeMs))
    ],
    raw: { started: rawOf(started), warm: rawOf(warm) }
  }
}
