import { LogError } from '../../../src/domain/errors.ts'
import type { GroupMode, GroupName, Groups } from '../../../src/domain/groups/groups.ts'
import { Random } from '../engine/random.ts'
import type { Process, Scheduler } from '../engine/scheduler.ts'
import type { GroupsChecker } from './checker.ts'
import type { Server } from './workload.ts'

export interface OperatorOptions {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly checker: GroupsChecker
  readonly name: GroupName
  readonly mode: GroupMode
  readonly leaseMs: number
  readonly messages: number
  readonly paceMs: number
  /** @throws Violation for errors that nobody may get */
  readonly known: (error: unknown) => LogError
}

export const letterTopics = ['t.dlq', 'other.dlq', 'third.dlq'] as const

type Deed = 'close' | 'trim' | 'seek' | 'expect' | 'config' | 'letters' | 'delete letters' | 'redrive' | 'delete' | 'describe'

const deeds: readonly Deed[] = ['close', 'trim', 'seek', 'expect', 'config', 'letters', 'redrive', 'redrive', 'delete', 'describe']

/** Somebody who trims the topic, seeks, changes the config, redrives, deletes the group and its dead letters; in each run some of these. */
export class Operator {
  readonly #options: OperatorOptions

  constructor (options: OperatorOptions) {
    this.#options = options
  }

  async meddle (server: () => Server, process: Process): Promise<void> {
    const random = new Random(this.#options.seed, process.name, 'operator')
    const chosen = new Random(this.#options.seed, 'deeds')
    const mine = deeds.filter(() => chosen.chance(0.35))
    if (new Random(this.#options.seed, 'delete letters').chance(0.3)) mine.push('delete letters')
    if (mine.length === 0) return
    for (let n = random.int(1, 6); n > 0; n--) {
      await new Promise<void>((resolve) => { process.clock.timer(random.heavyTail(this.#options.paceMs * 3), resolve) })
      const deed = random.pick(mine)
      try {
        const said = await this.#do(deed, server(), random)
        this.#options.scheduler.note('operator', `${deed}: ${JSON.stringify(said)}`)
      } catch (error) {
        const { code, details } = this.#options.known(error)
        this.#options.scheduler.note('operator', `${deed}: ${code} ${details.applied ?? ''}`)
      }
    }
  }

  #do (deed: Deed, { log, groups }: Server, random: Random): Promise<unknown> {
    const { checker, messages, name } = this.#options
    switch (deed) {
      case 'trim': {
        const to = random.int(2, messages)
        checker.trimmedTo = Math.max(checker.trimmedTo, Math.min(to, this.#end))
        return log.trim(name.topic, checker.trimmedTo)
      }
      case 'close': return log.append(name.topic, [], { close: true })
      case 'seek': return this.#seek(groups, random)
      case 'expect': return this.#seek(groups, random, checker.current?.current?.state.committed ?? 1)
      case 'config': return groups.put(name, { maxAttempts: random.int(2, 6), maxInFlight: random.int(3, 20) })
      case 'letters': return groups.put(name, { deadLetterTopic: random.pick(letterTopics) })
      case 'delete letters': return log.deleteTopic(checker.current?.current?.config.deadLetterTopic ?? 't.dlq')
      case 'redrive':
        checker.redrives++
        return groups.redrive(name, { limit: random.pick([1, 5, 100]), from: random.chance(0.2) ? 1 : undefined })
      case 'delete': return this.#delete(groups, random)
      case 'describe': return groups.describe(name)
    }
  }

  get #end (): number { return Math.max(...this.#options.checker.messages.keys(), 0) + 1 }

  /** A seek must be done once at most, so it is not asked for again. */
  #seek (groups: Groups, random: Random, expected?: number): Promise<unknown> {
    const { checker, name } = this.#options
    const to = random.int(Math.min(checker.trimmedTo, this.#end), this.#end)
    const seek = checker.seeks.get(to) ?? { asked: 0, done: 0 }
    checker.seeks.set(to, seek)
    seek.asked++
    return groups.seek(name, to, expected)
  }

  async #delete (groups: Groups, random: Random): Promise<unknown> {
    const { checker, leaseMs, mode, name } = this.#options
    const force = random.chance(0.5)
    if (force) checker.forcedDeletions++
    else checker.deletions++
    await groups.delete(name, force)
    return await groups.put(name, { mode, leaseMs })
  }
}
