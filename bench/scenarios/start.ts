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
  /** The first 200 of /health. */
  readonly firstAnswerMs: number
  /** The first append is stored. */
  readonly firstAppendMs: number | undefined
}

interface Starter { readonly name: string, start (folder: string): Promise<Start> }

const starters: readonly Starter[] = [
  { name: 'node itself', start: startNothing },
  { name: 'server, memory', start: () => startServer({ DATA_DIR: ':memory:' }) },
  { name: 'server, SQLite', start: (folder) => startServer({ DATA_DIR: join(folder, 'data') }) }
]

export const start: Scenario = {
  name: 'start',
  title: 'A server from its start to the first response',
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
        'TypeScript sources directly: Node strips the types at each start.'
      ],
      tables: [{
        columns: ['', 'first response', 'first append stored'],
        ...rowsOf(outcomes, (results) => [
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
  const began = performance.now()
  const child = spawnNode(['-e', 'console.log(1)'], { env: bareEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve) => { child.stdout!.once('data', () => { resolve() }) })
  const firstAnswerMs = performance.now() - began
  await stopChild(child)
  return { firstAnswerMs, firstAppendMs: undefined }
}

async function startServer (env: Record<string, string>): Promise<Start> {
  const began = performance.now()
  const child = spawnNode([fileURLToPath(new URL('../../src/server.ts', import.meta.url))], {
    env: bareEnvironment({ PORT: '0', LOG_LEVEL: 'silent', ...env }), stdio: ['ignore', 'inherit', 'pipe']
  })
  try {
    const line = await new Promise<string>((resolve, reject) => {
      createInterface(child.stderr!).once('line', resolve).once('close', () => { reject(new Error('the server ended')) })
    })
    const port = Number(/:(\d+)[,/\s]/.exec(line)?.[1])
    await answered(get({ port, host: '127.0.0.1', path: '/health', agent: false }))
    const firstAnswerMs = performance.now() - began
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
    return { firstAnswerMs, firstAppendMs: performance.now() - began }
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
