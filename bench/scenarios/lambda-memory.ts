import { fileURLToPath } from 'node:url'
import { assumed } from '../../scripts/cost/assumptions.ts'
import { ratesOf } from '../../scripts/cost/prices.ts'
import { functionUrlEvent } from '../../test/support/lambda/events.ts'
import { dropFolder, startServer, workFolder } from '../lib/children.ts'
import { CpuShare } from '../lib/cpu-share.ts'
import { buildFunctions } from '../lib/lambda-functions.ts'
import { LambdaRuntime } from '../lib/lambda-runtime.ts'
import type { Options } from '../lib/options.ts'
import { number, rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, type Outcome, over } from '../lib/rounds.ts'
import { percentiles } from '../lib/statistics.ts'
import { environmentOf } from './cold-start.ts'
import { type Scenario, Skipped } from './scenario.ts'

/** With this memory a function has one CPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const oneCpuMiB = 1_769
const sizes = [256, 512, 1_024, oneCpuMiB, 3_008].map((memoryMiB) => ({ name: `${memoryMiB} MB`, memoryMiB }))

const produce = (count: number): object => functionUrlEvent({
  method: 'POST',
  url: '/topics/bench/produce',
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(`{"messages":[${Array<string>(count).fill(`{"payload":"${'x'.repeat(1_000)}"}`).join()}]}`)
})

interface Measured {
  readonly firstMs: number
  readonly appendMs: number
  readonly batchMs: number
}

export const lambdaMemory: Scenario = {
  name: 'lambda-memory',
  title: 'A Lambda function by its memory',
  async run (options: Options): Promise<ScenarioResult> {
    if (!CpuShare.isPossible()) throw new Skipped('it needs root, and control groups of Linux')
    const folder = workFolder(options.dataDir, 'lambda-memory')
    const runtime = await LambdaRuntime.open()
    const aws = await startServer({ args: [fileURLToPath(new URL('../subjects/instant-aws.ts', import.meta.url))], env: {}, folder })
    try {
      const { loop, bundled } = await buildFunctions(folder)
      const fn = { root: bundled, handler: 'index.handler', environment: environmentOf(aws.port) }
      const [unmeasured, measured] = options.quick ? [10, 20] : [100, 200]
      const measure = async ({ memoryMiB }: typeof sizes[number]): Promise<Measured> => {
        const share = CpuShare.create(`streams-bench-${process.pid}`, memoryMiB / oneCpuMiB)
        try {
          const [single, batch] = [1, 1_000].map((count) => Array<object>(unmeasured + measured).fill(produce(count)))
          const answers = await runtime.run(loop, fn, single!, share)
          const batches = await runtime.run(loop, fn, batch!.slice(0, 100), share)
          const median = (of: typeof answers): number => percentiles(Float64Array.from(of, ({ ms }) => ms), 0.5)[0]!
          return { firstMs: answers[0]!.ms, appendMs: median(answers.slice(unmeasured)), batchMs: median(batches.slice(-50)) }
        } finally {
          share.remove()
        }
      }
      return report(await interleaved(options.quick ? 1 : Math.max(3, options.rounds), sizes, measure))
    } finally {
      runtime.close()
      await aws.stop()
      dropFolder(folder)
    }
  }
}

function report (outcomes: Map<{ readonly name: string, readonly memoryMiB: number }, Outcome<Measured>>): ScenarioResult {
  const { invocation, gbSecond } = ratesOf('us-east-1')
  const waitMs = assumed.putMs + assumed.tableMs
  const dollars = (ms: number, memoryMiB: number): number => invocation + (ms + waitMs) / 1_000 * memoryMiB / 1_024 * gbSecond
  const { rows, remarks } = rowsOf(outcomes, (results) => (['firstMs', 'appendMs', 'batchMs'] as const)
    .map((name) => show(over(results, (measured) => measured[name]))))
  const priced = [...outcomes].map(([{ memoryMiB }, { results }]) => (['appendMs', 'batchMs'] as const)
    .map((name) => number(1_000_000 * dollars(over(results, (measured) => measured[name])?.median ?? NaN, memoryMiB))))
  return {
    notes: [
      `The process gets as much of a CPU as Lambda gives a function of that memory: all of one at ${oneCpuMiB} MB, in parts of 10 ms. ` +
      'Lambda gives more to the start of a function, so the first append is the upper end.',
      'S3 and DynamoDB are another process that answers at once. Messages have 1,000 bytes.',
      `Dollars: Lambda (us-east-1, arm64) for a million requests, each of which waits for AWS for another ${waitMs} ms.`
    ],
    tables: [{
      columns: ['', 'first append, ms', 'warm append of 1, ms', 'warm append of 1,000, ms', '$ a million of 1', '$ a million of 1,000'],
      rows: rows.map((cells, place) => [...cells, ...priced[place]!]),
      remarks
    }],
    figures: [],
    raw: rawOf(outcomes)
  }
}
