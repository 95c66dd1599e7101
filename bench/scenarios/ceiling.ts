import { load, type LoadResult } from '../lib/load.ts'
import type { Options } from '../lib/options.ts'
import { payloadOf } from '../lib/payloads.ts'
import { number, rawOf, rowsOf, show, type ScenarioResult } from '../lib/report.ts'
import { interleaved, over } from '../lib/rounds.ts'
import { trivialHttp, trivialNet } from '../subjects/index.ts'
import { withServer } from '../subjects/subject.ts'
import type { Scenario } from './scenario.ts'

export const ceiling: Scenario = {
  name: 'ceiling',
  title: 'Limit of the load generator',
  async run (options: Options): Promise<ScenarioResult> {
    const connections = 64
    const outcomes = await interleaved(options.rounds, [trivialNet, trivialHttp], (subject): Promise<LoadResult> =>
      withServer(subject, options, async (server) => {
        const request = subject.protocol.append('bench', payloadOf(100))
        await load({ server, connections, seconds: options.warmupSeconds, request })
        return load({ server, connections, seconds: options.seconds, request })
      }))
    const net = outcomes.get(trivialNet)!
    return {
      notes: [`${connections} connections, the same requests as in \`append\`, servers that do nothing. A result near these numbers ` +
        'would show the limit of the generator, not of the server.'],
      tables: [{
        columns: [
          '', 'requests/s', 'CPU µs/request', 'cores, server', 'cores, generator', 'requests/s if the generator had a core of its own'
        ],
        ...rowsOf(outcomes, (results) => [
          show(over(results, ({ perSecond }) => perSecond)),
          show(over(results, ({ serverCpuMicros }) => serverCpuMicros)),
          number(over(results, ({ serverCores }) => serverCores)?.median ?? NaN),
          number(over(results, ({ generatorCores }) => generatorCores)?.median ?? NaN),
          show(over(results, ({ perSecond, generatorCores }) => perSecond / generatorCores))
        ])
      }],
      figures: [{
        what: 'the generator, if it had a core of its own',
        bound: 'at least',
        goal: 40_000,
        unit: 'requests/s',
        values: net.results.map(({ perSecond, generatorCores }) => perSecond / generatorCores)
      }],
      raw: rawOf(outcomes)
    }
  }
}
