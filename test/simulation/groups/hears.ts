import { decodeLeaseId, type GroupName, type ReceiveAnswer } from '../../../src/domain/groups/groups.ts'
import { Process, type Scheduler, Violation } from '../engine/scheduler.ts'
import { Answers, type HeldLease } from './answers.ts'
import type { GroupsChecker } from './checker.ts'
import type { Server } from './workload.ts'

export interface HearOptions {
  readonly scheduler: Scheduler
  readonly checker: GroupsChecker
  readonly start: (process: Process) => () => Server
  readonly name: GroupName
  readonly leaseMs: number
}

/**
 * With nothing else going on, a receive that waits gets what another process appends, and what another process hands back, in
 * little more time than the polls take (groups §8). @throws Violation
 */
export async function hearsOfNews ({ scheduler, checker, start, name, leaseMs }: HearOptions): Promise<void> {
  const answers = new Answers(checker)
  const [speaker, listener] = ['speaker', 'listener'].map((who) => new Process(scheduler, who, 0)) as [Process, Process]
  const [speaks, listens] = [start(speaker)(), start(listener)()]
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => { speaker.clock.timer(ms, resolve) })
  const waits = (): Promise<{ held: HeldLease | undefined, answer: ReceiveAnswer, at: number }> =>
    listens.groups.receive(name, { limit: 1, maxBytes: 1_000_000, leaseMs, waitMs: 20_000, acks: [] })
      .then((answer) => ({ held: answers.received(answer), answer, at: scheduler.now }))
  const inTime = (what: string, since: number, at: number, held: HeldLease | undefined): HeldLease => {
    if (held === undefined || at - since > 5_000) throw new Violation(`§8: a receive heard of ${what} after ${Math.round(at - since)} ms`)
    return held
  }
  const item = await speaks.log.read(name.topic, { from: await speaks.log.position(name.topic, 'latest'), limit: 1, maxBytes: 1 })
  if (item.closed) return
  const appended = waits()
  await sleep(3_000)
  await speaks.log.append(name.topic, [{ payload: '"news"' }])
  let since = scheduler.now
  const first = await appended
  const { id } = inTime('a message', since, first.at, first.held)

  const again = waits()
  await sleep(Math.min(3_000, leaseMs / 2))
  answers.ask('nack', id, [])
  const decoded = decodeLeaseId(first.answer.lease!.id)!
  await speaks.groups.nack(name, { id: decoded }, { delayMs: 0, counted: false, reject: false })
  since = scheduler.now
  const second = await again
  const held = inTime('a message that was handed back', since, second.at, second.held)
  answers.ask('ack', held.id, held.offsets)
  await listens.groups.ack(name, { id: held.id })
}
