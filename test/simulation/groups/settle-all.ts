import type { GroupName, Groups } from '../../../src/domain/groups/groups.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import { decodeLeaseId } from '../../../src/domain/groups/lease-id.ts'
import { type Process, Violation } from '../engine/scheduler.ts'
import { Answers } from './answers.ts'
import type { GroupsChecker } from './checker.ts'

export interface SettleOptions {
  readonly log: Log
  readonly groups: Groups
  readonly process: Process
  readonly checker: GroupsChecker
  readonly name: GroupName
  readonly leaseMs: number
  /** Whether the worker rejects what it gets first, once. */
  readonly rejects: boolean
}

/** One worker that settles everything, and what must be true then (groups §12.1, §12.9, §12.11). @throws Violation */
export async function settleAll ({ log, groups, process, checker, name, leaseMs, rejects }: SettleOptions): Promise<void> {
  const answers = new Answers(checker)
  const state = () => checker.current?.current?.state
  const pending = (): number => {
    const { leases = [], retry = [], lanes = [], dead = [] } = state() ?? {}
    return leases.length + retry.length + lanes.length + dead.length
  }
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => { process.clock.timer(ms, resolve) })
  const callsMax = 4 * checker.messages.size + 5 * pending() + 60
  let mayReject = rejects
  for (let calls = 0; ; calls++) {
    const end = await log.position(name.topic, 'latest')
    if (state() !== undefined && state()!.next >= end && pending() === 0) break
    if (calls > callsMax) {
      throw new Violation(`§12.11: ${calls} calls have not settled everything up to ${end}: ${JSON.stringify(state())}`)
    }
    const answer = await groups.receive(name, { limit: 10, maxBytes: 1_000_000, leaseMs, waitMs: 0, acks: [] })
    const held = answers.received(answer)
    if (held === undefined) {
      await sleep(Math.max(answer.retryInMs ?? 0, 6_000))
      continue
    }
    const part = { id: decodeLeaseId(answer.lease!.id)! }
    const asked = answers.ask(mayReject ? 'nack' : 'ack', held.id, held.offsets, mayReject)
    if (mayReject) answers.nacked(asked, await groups.nack(name, part, { delayMs: 0, counted: true, reject: true }))
    else answers.acked(asked, await groups.ack(name, part))
    mayReject = false
  }
  const { committed, next } = state()!
  if (committed !== next) throw new Violation(`§12.7: everything below ${next} is settled, and ${committed} is committed`)
  checker.current!.letters.checkComplete()
}
