import { Agent, request } from 'node:http'
import { Samples } from '../lib/statistics.ts'

/*
 * Asks for /health every 20 ms, in a process of its own, so that an attack does not delay the clock that measures it. A request
 * waits until the one before is answered, and its latency counts from the time when it was due: a server that stands still for a
 * second is seen as 50 slow requests, not as one.
 */
const intervalMs = 20
const timeoutMs = 10_000

export interface ProbeReport { readonly p50Ms: number, readonly p99Ms: number, readonly maxMs: number, readonly failed: number }

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const samples = new Samples()
const due = new Set<number>()
let failed = 0

function probe (): void {
  const dueAt = performance.now()
  due.add(dueAt)
  const finish = (ok: boolean): void => {
    if (!due.delete(dueAt)) return
    // A quick refusal must not look like a quick response.
    samples.add(ok ? performance.now() - dueAt : timeoutMs)
    if (!ok) failed++
  }
  const asked = request({
    agent,
    port: Number(process.env['SERVER_PORT']),
    host: '127.0.0.1',
    path: '/health',
    timeout: timeoutMs
  }, (response) => {
    response.resume().on('error', () => { finish(false) }).on('end', () => { finish(response.statusCode === 200) })
  })
  asked.on('timeout', () => { asked.destroy() }).on('error', () => { finish(false) }).end()
}

setInterval(probe, intervalMs)
process.send!({ started: true })
process.on('message', () => {
  // Requests without a response yet count with the time that they have waited so far.
  for (const dueAt of due) samples.add(performance.now() - dueAt)
  const [p50Ms = NaN, p99Ms = NaN, maxMs = NaN] = samples.percentiles(0.5, 0.99, 1)
  const report: ProbeReport = { p50Ms, p99Ms, maxMs, failed }
  process.send!(report)
})
