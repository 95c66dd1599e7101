import { parseArgs } from 'node:util'
import { shrink } from './log/shrink.ts'
import { subject } from './log/subject.ts'
import type { Outcome, Scenario } from './engine/run.ts'
import { simulate } from './log/workload.ts'
import { contend, contentionCases } from './groups/contention.ts'
import { groupsSubject } from './groups/subject.ts'
import { simulateGroups } from './groups/workload.ts'

/**
 * `npm run simulate -- --seeds 100000 [--from 1] [--seed N] [--groups]`: runs seeds, and tells the story of the first that fails.
 * `npm run simulate -- --contention`: how fast many workers get through one group, in virtual time.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean' },
    groups: { type: 'boolean', default: false },
    contention: { type: 'boolean', default: false }
  }
})
const run = (scenario: Scenario): Promise<Outcome> =>
  values.groups ? simulateGroups(groupsSubject, scenario) : simulate(subject, scenario)
if (values.contention) {
  for (const one of contentionCases) {
    const { cyclesPerSecond, writesPerCycle, contended } = await contend(groupsSubject, one)
    console.log(`${one.workers} workers with ${one.workMs} ms of work a lease, ${one.oneServer === true ? 'one server' : 'functions'}: ` +
      `${cyclesPerSecond.toFixed(1)} cycles/s, ${writesPerCycle.toFixed(1)} writes each, ${(contended * 100).toFixed(1)} % answered 503`)
  }
  process.exit()
}
const from = Number(values.seed ?? values.from)
const seeds = values.seed === undefined ? Number(values.seeds) : 1
const started = performance.now()
let steps = 0
for (let seed = from; seed < from + seeds; seed++) {
  const outcome = await run({ seed })
  steps += outcome.steps
  if (values.trace === true) console.log(outcome.trace.join('\n'))
  if (outcome.violation !== undefined) {
    const { story, scenario } = await shrink(run, { seed })
    const replay = `npm run simulate -- ${values.groups ? '--groups ' : ''}--seed ${seed}`
    console.log(`${story}\n\nseed ${seed}: ${outcome.violation.stack ?? outcome.violation.message}\nworkload: ` +
      `${JSON.stringify({ ...scenario, without: undefined })}\nreplay: ${replay}`)
    process.exitCode = 1
    break
  }
  if ((seed - from + 1) % 10_000 === 0) {
    console.log(`${seed - from + 1} seeds, ${steps} steps, ${Math.round((performance.now() - started) / 1000)} s`)
  }
}
if (process.exitCode !== 1) {
  console.log(`${seeds} seeds, ${steps} steps, no violation, ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
