import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Attack, attacks } from '../lib/attacks.ts'
import { bareEnvironment, type Server, spawnNode, stopChild } from '../lib/children.ts'
import { filler } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type Figure, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over } from '../lib/rounds.ts'
import type { ProbeReport } from '../subjects/health-probe.ts'
import { oursSqlite } from '../subjects/index.ts'
import { send } from '../subjects/protocols.ts'
import { withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

const bigMessageBytes = (4 << 20) - 1024

interface Result extends ProbeReport {
  /**
   * Resident memory of the server in MiB: before the attack, at most while it ran, and after some quiet seconds and 5,000 small
   * requests.
   */
  readonly startMiB: number
  readonly peakMiB: number
  readonly afterMiB: number
  /** Such as `400 × 80`. */
  readonly responses: string
}

export const underAttack: Scenario = {
  name: 'under-attack',
  title: 'Health latency and memory of the server under attack',
  async run (options): Promise<ScenarioResult> {
    const seconds = options.quick ? 3 : 10
    const secondsAfter = options.quick ? 2 : 10
    const outcomes = await interleaved(options.quick ? 1 : Math.min(3, options.rounds), attacks,
      (attack) => withServer(oursSqlite, options, (server) => measure(server, attack, seconds, secondsAfter)))
    return {
      notes: [
        `Ours on SQLite, a fresh server for each attack; ${seconds} s of attack, then ${secondsAfter} s without. A second process asks ` +
        'for /health every 20 ms while the attack runs. Latency counts from the time when a request was due; requests without a ' +
        'response count with the time that they waited, failed ones with 10 s.',
        'Memory is resident memory in MiB, read every 50 ms; "after" is read after 10 s without attack and 5,000 requests for /health.',
        'Requests with gzip bodies are sent 8 at once, and again when all are answered, at most once a second.'
      ],
      tables: [{
        columns: ['', 'health p50 ms', 'p99 ms', 'max ms', 'failed', 'MiB before', 'peak', 'after', 'responses'],
        ...rowsOf(outcomes, (results) => [
          show(over(results, ({ p50Ms }) => p50Ms)),
          show(over(results, ({ p99Ms }) => p99Ms)),
          show(over(results, ({ maxMs }) => maxMs)),
          number(over(results, ({ failed }) => failed)?.median ?? NaN),
          show(over(results, ({ startMiB }) => startMiB)),
          show(over(results, ({ peakMiB }) => peakMiB)),
          show(over(results, ({ afterMiB }) => afterMiB)),
          results[0]!.responses
        ])
      }],
      figures: [...outcomes].map(([{ name }, { results }]): Figure => ({
        what: `${name}: p99 of /health`, bound: 'at most', goal: 100, unit: 'ms', values: results.map(({ p99Ms }) => p99Ms)
      })),
      raw: rawOf(outcomes)
    }
  }
}

async function measure (server: Server, attack: Attack, seconds: number, secondsAfter: number): Promise<Result> {
  await send(server, 'POST', '/topics/big/produce', `{"payload":"${filler(bigMessageBytes, 1)}"}`)
  await send(server, 'POST', '/topics/small/produce', '{"payload":1}')
  const startMiB = server.rssMiB()
  const probe = spawnNode([fileURLToPath(new URL('../subjects/health-probe.ts', import.meta.url))], {
    env: bareEnvironment({ SERVER_PORT: String(server.port) }), stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  let peakMiB = startMiB
  // NaN once the process has ended.
  const sampler = setInterval(() => { peakMiB = Math.max(peakMiB, server.rssMiB() || 0) }, 50)
  try {
    await once(probe, 'message')
    const ended = new AbortController()
    const running = attack.run(server, ended.signal)
    await sleep(seconds * 1000)
    probe.send('report')
    const [report] = await once(probe, 'message') as [ProbeReport]
    ended.abort()
    const statuses = await running
    await stopChild(probe)
    await sleep(secondsAfter * 1000)
    // Free memory goes back to the system with the next garbage collection, which an idle server does not make.
    for (let i = 0; i < 5_000; i++) await (await fetch(`http://127.0.0.1:${server.port}/health`)).arrayBuffer()
    const afterMiB = server.rssMiB()
    if (Number.isNaN(afterMiB)) throw new Error('the server ended')
    return { ...report, startMiB, peakMiB, afterMiB, responses: [...statuses].map(([status, count]) => `${status} × ${count}`).join(', ') }
  } finally {
    clearInterval(sampler)
    await stopChild(probe)
  }
}
