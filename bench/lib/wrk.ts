import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dropFolder, trackChild, workFolder } from './children.ts'
import type { LoadOptions } from './load.ts'

/** What wrk reports, plus the server's CPU time during the run. */
export interface WrkResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** All threads of the server. */
  readonly serverCpuMicros: number
}

interface Report {
  readonly requests: number
  readonly micros: number
  readonly p50Micros: number
  readonly p99Micros: number
  /** Failed connects, reads and writes, timeouts, and responses with a status above 399. */
  readonly errors: number
}

export function isWrkInstalled (): boolean {
  return spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined
}

export interface WrkOptions extends LoadOptions {
  /** 1 if absent. The connections are divided among them. */
  readonly threads?: number
}

/** The same load as {@link load} in lib/load.ts, made by wrk. wrk counts in whole seconds. */
export function wrk (parent: string, { request, ...options }: WrkOptions): Promise<WrkResult> {
  return runScript(parent, options, scriptFor(request), [])
}

export interface WrkProducersOptions extends Omit<LoadOptions, 'request'> {
  readonly topic: string
  /** JSON. */
  readonly payload: string
  /** Of all producers. They count from seq 0, so it must be higher than in earlier runs. */
  readonly epoch: number
}

/** Idempotent appends. Each connection is a producer, and has a thread: wrk does not tell its script for which connection it asks. */
export function wrkProducers (parent: string, { topic, payload, epoch, ...options }: WrkProducersOptions): Promise<WrkResult> {
  const script = readFileSync(new URL('wrk-producers.lua', import.meta.url), 'utf8')
  return runScript(parent, { ...options, threads: options.connections }, script, [topic, payload, String(epoch)])
}

async function runScript (
  parent: string, options: Omit<WrkOptions, 'request'>, content: string, args: readonly string[]
): Promise<WrkResult> {
  const { server } = options
  const folder = workFolder(parent, 'wrk')
  try {
    const script = join(folder, 'request.lua')
    writeFileSync(script, content + report)
    const cpu = server.cpuSeconds()
    const { requests, micros, p50Micros, p99Micros, errors } = await run(options, script, args)
    if (errors > 0) throw new Error(`wrk: expected no errors, got ${errors} in ${requests} requests`)
    return {
      perSecond: requests / micros * 1e6,
      p50Ms: p50Micros / 1000,
      p99Ms: p99Micros / 1000,
      serverCpuMicros: (server.cpuSeconds() - cpu) / requests * 1e6
    }
  } finally {
    dropFolder(folder)
  }
}

/** `wrk.format` gives the bytes of every request. It is called once, so wrk sends exactly the bytes that our own generator sends. */
function scriptFor (request: Buffer): string {
  // For printable ASCII, CR and LF, a JSON string is also a Lua string.
  return `
local request = ${JSON.stringify(request.toString('latin1'))}
wrk.format = function () return request end
`
}

/** The end of each script. */
const report = `
function done (summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"p50Micros":%d,"p99Micros":%d,"errors":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`

async function run (
  { server: { port }, connections, seconds, threads = 1 }: Omit<WrkOptions, 'request'>, script: string, scriptArgs: readonly string[]
): Promise<Report> {
  const args = [
    '--threads', String(threads), '--connections', String(connections), '--duration', `${Math.ceil(seconds)}s`, '--script', script,
    `http://127.0.0.1:${port}/`, '--', ...scriptArgs
  ]
  const child = trackChild(spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  const [code] = await once(child, 'close') as [number | null]
  const report = output.split('\n').find((line) => line.startsWith('{'))
  if (code !== 0 || report === undefined) throw new Error(`wrk ended with ${code}: ${output.slice(0, 1000)}`)
  return JSON.parse(report) as Report
}
