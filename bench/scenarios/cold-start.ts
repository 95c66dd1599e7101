import { createInterface } from 'node:readline'
import { get, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bareEnvironment, dropFolder, spawnNode, stopChild, workFolder } from '../lib/children.ts'
import { rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over } from '../lib/rounds.ts'
import type { Options } from '../lib/options.ts'
import type { Scenario } from './scenario.ts'

/** Ms since just before the process was started. */
interface Start {
  /** The first 200 of /health; for Lambda the first answer of the handler. */
  readonly firstAnswerMs: number
  /** The first append is stored. */
  readonly firstAppendMs: number | undefined
  /** Of it, what the modules took to load; Lambda only. */
  readonly importedMs: number | undefined
}

interface Starter { readonly name: string, start (folder: string): Promise<Start> }

/** Names of a bucket and a table that nobody asks for: the SDK is loaded, no call is made before the first append. */
const aws = {
  BUCKET_NAME: 'bench-bucket',
  COUNTERS_TABLE: 'bench-table',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench'
}

const starters: readonly Starter[] = [
  { name: 'node itself', start: startNothing },
  { name: 'server, memory', start: () => startServer({ DATA_DIR: ':memory:' }) },
  { name: 'server, SQLite', start: (folder) => startServer({ DATA_DIR: join(folder, 'data') }) },
  { name: 'Lambda, memory', start: () => startLambda({ DATA_DIR: ':memory:' }, true) },
  { name: 'Lambda, S3 and DynamoDB', start: () => startLambda(aws, false) }
]

export const coldStart: Scenario = {
  name: 'cold-start',
  title: 'Time from process start to first response',
  async run (options: Options): Promise<ScenarioResult> {
    const rounds = options.quick ? 3 : Math.max(7, options.rounds)
    const outcomes = await interleaved(rounds, starters, async (starter) => {
      const folder = workFolder(options.dataDir, starter.name)
      try {
        return await starter.start(folder)
      } finally {
        dropFolder(folder)
      }
    })
    return {
      notes: [
        `Milliseconds since just before the process was started; ${rounds} rounds, files in the page cache. The process runs the ` +
        'TypeScript sources directly: Node strips the types at each start.',
        '"Lambda": a process imports src/lambda.ts and passes its handler one event for /health, then, with the memory store, one ' +
        'append. With S3 and DynamoDB the SDK is loaded, but makes no call.'
      ],
      tables: [{
        columns: ['', 'modules loaded', 'first response', 'first append stored'],
        ...rowsOf(outcomes, (results) => [
          results[0]!.importedMs === undefined ? '' : show(over(results, ({ importedMs }) => importedMs!)),
          show(over(results, ({ firstAnswerMs }) => firstAnswerMs)),
          results[0]!.firstAppendMs === undefined ? '' : show(over(results, ({ firstAppendMs }) => firstAppendMs!))
        ])
      }],
      figures: [],
      raw: rawOf(outcomes)
    }
  }
}

async function startNothing (): Promise<Start> {
  const start = performance.now()
  const child = spawnNode(['-e', 'console.log(1)'], { env: bareEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve) => { child.stdout!.once('data', () => { resolve() }) })
  const firstAnswerMs = performance.now() - start
  await stopChild(child)
  return { firstAnswerMs, firstAppendMs: undefined, importedMs: undefined }
}

async function startServer (env: Record<string, string>): Promise<Start> {
  const start = performance.now()
  const child = spawnNode([fileURLToPath(new URL('../../src/server.ts', import.meta.url))], {
    env: bareEnvironment({ PORT: '0', LOG_LEVEL: 'silent', ...env }), stdio: ['ignore', 'inherit', 'pipe']
  })
  try {
    const line = await new Promise<string>((resolve, reject) => {
      createInterface(child.stderr!).once('line', resolve).once('close', () => { reject(new Error('the server ended')) })
    })
    const port = Number(/:(\d+)[,/\s]/.exec(line)?.[1])
    await answered(get({ port, host: '127.0.0.1', path: '/health', agent: false }))
    const firstAnswerMs = performance.now() - start
    const append = request({
      port,
      host: '127.0.0.1',
      path: '/topics/bench/produce',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent: false
    })
    append.end('{"payload":{"item":"book","quantity":2}}')
    await answered(append)
    return { firstAnswerMs, firstAppendMs: performance.now() - start, importedMs: undefined }
  } finally {
    await stopChild(child)
  }
}

function answered (call: ReturnType<typeof get>): Promise<void> {
  return new Promise((resolve, reject) => {
    call.on('error', reject).on('response', (answer) => {
      answer.resume().on('end', () => {
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`answered with ${answer.statusCode}`))
      })
    })
  })
}

async function startLambda (env: Record<string, string>, append: boolean): Promise<Start> {
  const start = performance.now()
  const child = spawnNode([fileURLToPath(new URL('../subjects/lambda.ts', import.meta.url))], {
    env: bareEnvironment({ LOG_LEVEL: 'silent', AUTH: 'none', APPEND: append ? '1' : '', ...env }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const at: Record<string, number> = {}
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('message', (step: { done?: string, wrong?: string }) => {
        if (step.wrong !== undefined) reject(new Error(step.wrong))
        if (step.done !== undefined) at[step.done] = performance.now() - start
        if (step.done === (append ? 'appended' : 'answered')) resolve()
      }).once('exit', () => { reject(new Error('the process ended')) })
    })
    return { firstAnswerMs: at['answered']!, firstAppendMs: at['appended'], importedMs: at['imported'] }
  } finally {
    await stopChild(child)
  }
}
