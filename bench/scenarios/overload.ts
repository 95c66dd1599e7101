import { runAppends, runReads, type AppendRun } from '../../test/support/storage/overload.ts'
import type { Options } from '../lib/options.ts'
import { number, type ScenarioResult } from '../lib/report.ts'
import type { Scenario } from './scenario.ts'

/** 10 Mbit/s in each direction, 20 ms. */
const bytesPerSecond = 1_250_000
const seconds = 60
/** Seconds in which nothing passes. */
const stall = { from: 25, until: 30, share: 0 }
/** After the stall, in which the throughput has to be back. */
const recoverySeconds = 10

interface Case { readonly topics: number, readonly loop: 'open' | 'closed', readonly offered: number }

export const overload: Scenario = {
  name: 'overload',
  title: 'More load than the link to the storage carries',
  async run ({ quick }: Options): Promise<ScenarioResult> {
    const cases: Case[] = []
    for (const topics of [1, 20]) {
      for (const loop of ['open', 'closed'] as const) {
        for (const offered of quick ? [4] : [0.5, 1, 2, 4]) cases.push({ topics, loop, offered })
      }
    }
    const runs: Array<Case & { readonly run: AppendRun }> = []
    for (const one of cases) {
      runs.push({ ...one, run: await runAppends({ bytesPerSecond, seconds, loads: [{ ...one, messageBytes: 50_000 }], slow: stall }) })
    }
    const reads: string[][] = []
    for (const readers of quick ? [100] : [10, 100, 300]) {
      const run = await runReads({
        bytesPerSecond,
        seconds: 80,
        readers,
        segmentBytes: 50_000,
        segments: 200,
        maxBytes: 1_000_000,
        slow: { from: 40, until: 45, share: 0 }
      })
      reads.push([
        String(readers),
        number(run.goodput(20, 40)),
        number(run.goodput(55, 80)),
        number(run.slowest),
        String(run.outcomes['storage_unavailable'] ?? 0)
      ])
    }
    const overloaded = runs.filter(({ offered }) => offered === 4)
    return {
      notes: [
        'A simulated link of 10 Mbit/s and 20 ms in virtual time, shared evenly by what is on its way, with memory stores behind it: ' +
        `the same on every machine. A stall from ${stall.from} s to ${stall.until} s. Throughput is that of acknowledged appends, ` +
        'relative to the link.',
        'Open loop: messages of 50 kB come at the offered rate. Closed loop: so many writers that their messages together are the ' +
        'offered seconds of the link.'
      ],
      tables: [
        {
          caption: 'Appends',
          columns: [
            'topics, loop',
            'offered',
            'before',
            'during the stall',
            `first ${recoverySeconds} s after it`,
            'then',
            'refused',
            'slowest answer, s'
          ],
          rows: runs.map(({ topics, loop, offered, run }) => [
            `${topics}, ${loop}`,
            String(offered),
            number(run.goodput(5, stall.from)),
            number(run.goodput(stall.from, stall.until)),
            number(run.goodput(stall.until, stall.until + recoverySeconds)),
            number(run.goodput(stall.until + recoverySeconds, seconds)),
            `${Math.round(100 * refused(run))} %`,
            number(run.slowest)
          ])
        },
        {
          caption: 'Reads of readers far behind, each of a topic of its own, segments of 50 kB, a stall from 40 s to 45 s',
          columns: ['readers', 'before', 'from 10 s after the stall on', 'slowest answer, s', 'failed reads'],
          rows: reads
        }
      ],
      figures: [
        {
          what: 'throughput at 4 times the capacity',
          bound: 'at least',
          goal: 0.8,
          unit: 'of the link',
          values: overloaded.map(({ run }) => run.goodput(5, stall.from))
        },
        {
          what: `the same, ${recoverySeconds} s after a stall`,
          bound: 'at least',
          goal: 0.8,
          unit: 'of the link',
          values: overloaded.map(({ run }) => run.goodput(stall.until + recoverySeconds, seconds))
        }
      ],
      raw: { appends: runs.map(({ run, ...one }) => ({ ...one, outcomes: run.outcomes(0, seconds), slowest: run.slowest })), reads }
    }
  }
}

/** The part of all appends that was refused as `overloaded`. */
function refused (run: AppendRun): number {
  return (run.outcomes(0, seconds)['overloaded (no)'] ?? 0) / run.results.length
}
