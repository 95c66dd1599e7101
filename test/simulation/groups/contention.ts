import { decodeLeaseId, type Groups, type LeasePart } from '../../../src/domain/groups/groups.ts'
import type { Log } from '../../../src/domain/log/log.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'
import { Random } from '../engine/random.ts'
import { Process, Scheduler } from '../engine/scheduler.ts'
import type { GroupsSubject } from './machine.ts'

export interface ContentionCase {
  readonly workers: number
  /** How long a worker takes for the messages of a lease. */
  readonly workMs: number
  /** Whether all workers use one server, which keeps the state; otherwise each request meets a function that has kept nothing. */
  readonly oneServer?: boolean
}

export interface Contention {
  readonly cyclesPerSecond: number
  /** Conditional writes that were sent, refused ones included, for each cycle. */
  readonly writesPerCycle: number
  /** Of all requests, those that were answered 503 `group_contended`. */
  readonly contended: number
}

/** Those for which groups §7.4 has an estimate, and one server. */
export const contentionCases: readonly ContentionCase[] = [
  { workers: 8, workMs: 1_000 }, { workers: 8, workMs: 100 }, { workers: 64, workMs: 1_000 }, { workers: 32, workMs: 100 },
  { workers: 128, workMs: 1_000 }, { workers: 128, workMs: 100, oneServer: true }
]

const topic = 't'
const name = { topic, group: 'g' }
/** Of a call, there and back. */
const latencies = { readMs: 5, pageMs: 10, writeMs: 6 }

/** Cycles of a receive of ten messages with the ack of the ones before, of many workers at once, in virtual time. */
export async function contend (
  subject: GroupsSubject, { workers, workMs, oneServer = false }: ContentionCase, seconds = 60
): Promise<Contention> {
  const scheduler = new Scheduler()
  const process = new Process(scheduler, 'server', 0)
  const random = new Random('contention', workers, workMs)
  const count = { cycles: 0, writes: 0, contended: 0, requests: 0 }
  const slowly = async <T>(ms: number, call: () => Promise<T>): Promise<T> => {
    await sleep(process, ms * (0.45 + random.next() / 10))
    const answer = await call()
    await sleep(process, ms * (0.45 + random.next() / 10))
    return answer
  }
  const whole = await filled(subject, process)
  const groupStore = subject.createMemoryGroupStore(() => scheduler.now)
  const store: GroupStore = {
    ...groupStore,
    read: (group) => slowly(latencies.readMs, () => groupStore.read(group)),
    write: (...parameters) => {
      count.writes++
      return slowly(latencies.writeMs, () => groupStore.write(...parameters))
    }
  }
  const topics: TopicStore = { ...whole.topics, read: (...parameters) => slowly(latencies.readMs, () => whole.topics.read(...parameters)) }
  const log: Log = { ...whole.log, read: (...parameters) => slowly(latencies.pageMs, () => whole.log.read(...parameters)) }
  const start = (): Groups => subject.createGroups({
    store, topics, log, clock: process.clock, limits: subject.defaultLimits, random: random.next, runsOn: oneServer
  })
  const server = start()
  const work = async (): Promise<void> => {
    await sleep(process, random.next() * workMs)
    for (let acks: LeasePart[] = []; ;) {
      count.requests++
      try {
        const { lease } = await (oneServer ? server : start()).receive(name, { limit: 10, maxBytes: 1e6, waitMs: 0, acks })
        acks = lease === undefined ? [] : [{ id: decodeLeaseId(lease.id)! }]
        count.cycles++
      } catch (error) {
        if ((error as { code?: string }).code !== 'group_contended') throw error
        count.contended++
        await sleep(process, 1_000)
        continue
      }
      await sleep(process, workMs)
    }
  }
  for (let w = 0; w < workers; w++) work().catch((error: unknown) => { scheduler.fail(error) })
  const end = scheduler.now + seconds * 1_000
  await scheduler.run(() => scheduler.now >= end, Infinity)
  return {
    cyclesPerSecond: count.cycles / seconds,
    writesPerCycle: count.writes / count.cycles,
    contended: count.contended / count.requests
  }
}

/** A topic with more messages than anybody takes. */
async function filled (subject: GroupsSubject, process: Process): Promise<{ readonly log: Log, readonly topics: TopicStore }> {
  const segments = subject.createMemorySegmentStore(() => 0)
  const topics = subject.createMemoryTopicStore(() => 0)
  const records = subject.createMemoryRecordStore()
  // Everything at once, and without delays: timers of the log are not needed.
  const clock = { ...process.clock, afterCurrentInput: queueMicrotask, timer: () => () => {} }
  const log = subject.createLog({ segments, topics, records, clock, compression: 'none', limits: subject.defaultLimits })
  for (let batch = 0; batch < 200; batch++) await log.append(topic, Array.from({ length: 1_000 }, () => ({ payload: '1' })))
  return { log, topics }
}

function sleep (process: Process, ms: number): Promise<void> {
  return new Promise((resolve) => { process.clock.timer(ms, resolve) })
}
