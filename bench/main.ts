import { describeMachine } from './lib/machine.ts'
import { type Options, readOptions, usage } from './lib/options.ts'
import { type Finished, printMachine, printScenario, writeResults } from './lib/report.ts'
import { access } from './scenarios/access.ts'
import { append1, append100 } from './scenarios/append.ts'
import { catchUp } from './scenarios/catch-up.ts'
import { ceiling } from './scenarios/ceiling.ts'
import { clientFollow } from './scenarios/client-follow.ts'
import { clientProducer } from './scenarios/client-producer.ts'
import { coldStart } from './scenarios/cold-start.ts'
import { followerMemory } from './scenarios/follower-memory.ts'
import { idempotent } from './scenarios/idempotent.ts'
import { groupLatency } from './scenarios/group-latency.ts'
import { groups } from './scenarios/groups.ts'
import { growth } from './scenarios/growth.ts'
import { lambdaMemory } from './scenarios/lambda-memory.ts'
import { overload } from './scenarios/overload.ts'
import { type Scenario, Skipped } from './scenarios/scenario.ts'
import { secondOpinion } from './scenarios/second-opinion.ts'
import { sdkCpu } from './scenarios/sdk-cpu.ts'
import { start } from './scenarios/start.ts'
import { storageCalls } from './scenarios/storage-calls.ts'
import { tail } from './scenarios/tail.ts'
import { tracing } from './scenarios/tracing.ts'
import { underAttack } from './scenarios/under-attack.ts'

const scenarios: readonly Scenario[] = [
  ceiling, append1, append100, idempotent, access, secondOpinion, catchUp, tail, start, coldStart, lambdaMemory, followerMemory,
  underAttack, sdkCpu, storageCalls, groups, groupLatency, growth, overload, tracing, clientProducer, clientFollow
]

const options = optionsOrEnd()
const machine = describeMachine(options.dataDir)
printMachine(machine)
const finished: Finished[] = []
for (const scenario of scenarios) {
  if (options.only.length > 0 && !options.only.includes(scenario.name)) continue
  process.stderr.write(`${scenario.name}\n`)
  const result = { name: scenario.name, title: scenario.title, ...await outcomeOf(scenario) }
  finished.push(result)
  printScenario(result)
  // After each, so that a run that is cut short has not been for nothing.
  writeResults(options.out, machine, options, finished)
}
console.log(`All results: ${options.out}`)
process.exit(finished.some((result) => 'failed' in result) ? 1 : 0)

async function outcomeOf (scenario: Scenario) {
  try {
    return await scenario.run(options)
  } catch (error) {
    if (error instanceof Skipped) return { skipped: error.message }
    return { failed: error instanceof Error ? error.stack ?? error.message : String(error) }
  }
}

function optionsOrEnd (): Options {
  try {
    return readOptions(scenarios)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}
