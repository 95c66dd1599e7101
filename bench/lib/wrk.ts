import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dropFolder, type Server, trackChild, workFolder } from './children.ts'
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

/** The same load as {@link load} in lib/load.ts, made by wrk with one thread. wrk counts in whole seconds. */
export async function wrk (parent: string, { server, connections, seconds, request }: LoadOptions): Promise<WrkResult> {
  const folder = workFolder(parent, 'wrk')
  try {
    const script = join(folder, 'request.lua')
    writeFileSync(script, scriptFor(request))
    const cpu = server.cpuSeconds()
    const { requests, micros, p50Micros, p99Micros, errors } = await run(server, connections, Math.ceil(seconds), script)
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
function done (summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"p50Micros":%d,"p99Micros":%d,"errors":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`
}

async function run ({ port }: Server, connections: number, seconds: number, script: string): Promise<Report> {
  const args = [
    '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--script', script, `http://127.0.0.1:${port}/`
  ]
  const child = trackChild(spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  const [code] = await once(child, 'close') as [number | null]
  const report = output.split('\n').find((line) => line.startsWith('{'))
  if (code !== 0 || report === undefined) throw new Error(`wrk ended with ${code}: ${output.slice(0, 1000)}`)
  return JSON.parse(report) as Report
}
