import { isDeepStrictEqual } from 'node:util'
import { decodeLeaseId } from '../../../src/domain/groups/lease-id.ts'
import { messagesOf, type Appended, type Log } from '../../../src/domain/log/log.ts'
import { earliestOf } from '../../../src/domain/topics/state.ts'
import type { JumpingClock } from '../../support/jumping-clock.ts'
import type { Place } from './place.ts'
import { messageOf, textOf, type Sent, type Users } from './users.ts'

export class Violation extends Error {}

/** Whether a copy is what log §8.1 promises. `required` were acknowledged before it was begun. */
export async function check (
  { source, target, users, clock, required }: {
    readonly source: Place,
    readonly target: Place,
    readonly users: Users,
    readonly clock: JumpingClock
    readonly required: ReadonlyArray<Sent & { readonly offset: number }>
  }
): Promise<void> {
  const { log } = target.start()
  // Holes are old enough for readers then.
  await clock.sleep(10_000)
  const copied = await contentsOf(target, log)
  const again = await contentsOf(target, target.start().log)
  if (!isDeepStrictEqual(copied, again)) throw new Violation('two readers of the copy see different messages')
  for (const { topic, text, offset } of required) {
    const earliest = await earliestIn(target, topic)
    const now = await earliestIn(source, topic)
    if (earliest > now) throw new Violation(`${topic} begins at ${earliest} in the copy, and at ${now} in the source`)
    const found = copied.get(`${topic} ${offset}`)
    if (offset >= earliest && found !== text) {
      throw new Violation(`${text} was acknowledged at ${offset} of ${topic} before the copy began, and there is ${found}`)
    }
  }
  await checkGroups(target, users, clock, copied)
  await checkRepeats(target, users.sent, required)
}

async function earliestIn ({ stores }: Place, topic: string): Promise<number> {
  return earliestOf(await stores.topics.read(topic))
}

/** All messages by `topic offset`. */
async function contentsOf ({ stores }: Place, log: Log): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const topic of ['t', 'u', 't.dlq']) {
    const messages = await messagesIn(log, topic, earliestOf(await stores.topics.read(topic)))
    for (const [offset, text] of messages) found.set(`${topic} ${offset}`, text)
  }
  return found
}

async function messagesIn (log: Log, topic: string, earliest: number): Promise<Array<[offset: number, text: string]>> {
  const found: Array<[number, string]> = []
  let from = earliest
  for (let reads = 0; from < await log.position(topic, 'latest'); reads++) {
    if (reads > 200) throw new Violation(`a reader of the copy of ${topic} does not get past ${from}`)
    const page = await log.read(topic, { from, limit: 1_000, maxBytes: 1_000_000 })
    for (const { offset, line } of messagesOf(page)) found.push([offset, textOf(line)])
    from = page.nextOffset
  }
  return found
}

/** Whatever was sent is sent again: nothing is stored twice, and nothing is told to be where it is not. */
async function checkRepeats (target: Place, sent: readonly Sent[], required: readonly Sent[]): Promise<void> {
  const { log } = target.start()
  const earliest = new Map<string, number>()
  for (const topic of ['t', 'u', 't.dlq']) earliest.set(topic, await earliestIn(target, topic))
  const deletedAt = new Map<string, number>()
  for (const topic of earliest.keys()) deletedAt.set(topic, (await target.stores.topics.read(topic))?.deletedAtOffset ?? 0)
  const answers: Array<[Sent, Appended]> = []
  for (const one of sent) {
    if (one.conditions.producer === undefined && one.conditions.key === undefined) continue
    const answer = await log.append(one.topic, [messageOf(one.text)], one.conditions).catch(() => undefined)
    if (answer !== undefined) answers.push([one, answer])
  }
  for (const [topic, from] of earliest) {
    const texts = (await messagesIn(log, topic, from)).filter(([, text]) => sent.some((one) => one.text === text && one.topic === topic))
    const at = new Map(texts.map(([offset, text]) => [offset, text]))
    if (topic !== 't.dlq' && new Set(at.values()).size < at.size) {
      throw new Violation(`a message is twice in ${topic}: ${[...at.values()].join(' ')}`)
    }
    for (const [one, { first, duplicate }] of answers) {
      if (one.topic !== topic) continue
      if (duplicate !== true) {
        const before = required.find((other) => other.text === one.text)
        if (before !== undefined && before.offset! > deletedAt.get(topic)!) {
          throw new Violation(`${one.text}, acknowledged before, was stored again at ${first}`)
        }
      } else if (first >= from && at.get(first) !== one.text) {
        throw new Violation(`${one.text} is told to be at ${first} of ${topic}, where there is ${at.get(first)}`)
      }
    }
  }
}

/** Each message is delivered, or was acknowledged, or is a dead letter; the copy's own ones, too. */
async function checkGroups (target: Place, users: Users, clock: JumpingClock, copied: ReadonlyMap<string, string>): Promise<void> {
  const { log, groups } = target.start()
  await clock.sleep(60_000)
  for (const group of ['g', 'h']) {
    const before = await drain(groups, group, clock, false)
    const news: string[] = []
    for (let i = 0; i < 3; i++) {
      news.push(`new ${group} ${i}`)
      await log.append('t', [messageOf(`new ${group} ${i}`)])
    }
    const rejected = await drain(groups, group, clock, true)
    const letters = new Set((await messagesIn(log, 't.dlq', await earliestIn(target, 't.dlq'))).map(([, text]) => text))
    for (const text of news) {
      if (!rejected.has(text)) throw new Violation(`${text} was not delivered in the copy`)
      if (!letters.has(text)) throw new Violation(`${text} was rejected in the copy, and is no letter`)
    }
    for (const [place, text] of copied) {
      const isHandled = before.has(text) || users.acked.has(`${group} ${text}`) || letters.has(text)
      if (place.startsWith('t ') && !isHandled) throw new Violation(`${text} at ${place} is lost to ${group}`)
    }
  }
}

async function drain (
  groups: ReturnType<Place['start']>['groups'], group: string, clock: JumpingClock, reject: boolean
): Promise<Set<string>> {
  const found = new Set<string>()
  const name = { topic: 't', group }
  for (let empty = 0, tries = 0; empty < 3 && tries < 200; tries++) {
    const { lines, lease } = await groups.receive(name, { limit: 10, maxBytes: 1_000_000, waitMs: 0, acks: [] })
    if (lease === undefined) {
      empty++
      await clock.sleep(20_000)
      continue
    }
    for (const line of lines) found.add(textOf(line))
    const part = { id: decodeLeaseId(lease.id)! }
    if (reject) await groups.nack(name, part, { delayMs: 0, counted: true, reject: true })
    else await groups.ack(name, part)
  }
  return found
}
