import { sumOf } from '../counted-service.ts'
import { type Case, type Counted, inFreshProcesses, inTurn, payload, payloads, type Service } from './case.ts'

/** Plain appends, and reads. */
export const messageCases: readonly Case[] = [
  { name: 'append 1, one after the other', run: (service) => appends(service, service.amount, 1, 1) },
  { name: 'append 1, 64 at a time', run: (service) => appends(service, service.amount * 16, 1, 64) },
  { name: 'append 100 in a batch', run: (service) => appends(service, service.amount, 100, 1) },
  { name: 'append 1,000 in a batch', run: (service) => appends(service, Math.ceil(service.amount / 4), 1000, 1) },
  { name: 'first append of a topic', run: firstAppends },
  { name: 'poll at the end, nothing new', run: idlePolls },
  { name: 'poll that finds 1 segment (100 messages)', run: (service) => followingPolls(service, 100) },
  { name: 'poll that finds 1 segment (1 message)', run: (service) => followingPolls(service, 1) },
  { name: 'page of 1,000 from the start, segments of 100', run: catchUpPages },
  { name: 'read by time, limit 1', run: readsByTime }
]

async function appends ({ writer, topic }: Service, requests: number, batch: number, atOnce: number): Promise<Counted> {
  const messages = payloads(batch)
  await writer.append(topic, [payload(1)])
  let left = requests
  const cost = await writer.count(async () => {
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await writer.append(topic, messages)
    }))
  })
  return { ...cost, requests, messages: requests * batch }
}

async function firstAppends ({ writer, topic, amount }: Service): Promise<Counted> {
  const cost = await writer.count(() => inTurn(amount, (index) => writer.append(`${topic}-${index}`, [payload(1)])))
  return { ...cost, requests: amount, messages: amount }
}

async function idlePolls ({ writer, reader, topic, amount }: Service): Promise<Counted> {
  await writer.append(topic, [payload(1)])
  const { next_offset: next } = await reader.poll(topic, 1)
  const cost = await reader.count(() => inTurn(amount, () => reader.poll(topic, next)))
  return { ...cost, requests: amount, messages: 0 }
}

/** The reader goes on where it stopped, each time after one more segment was written by another process. */
async function followingPolls ({ writer, reader, topic, amount }: Service, batch: number): Promise<Counted> {
  const messages = payloads(batch)
  await writer.append(topic, messages)
  let { next_offset: next } = await reader.poll(topic, 1)
  let found = 0
  const cost = await reader.count(() => inTurn(amount, async () => {
    await writer.append(topic, messages)
    const page = await reader.poll(topic, next)
    found += page.messages.length
    next = page.next_offset
  }))
  if (found !== amount * batch) throw new Error(`${found} messages in ${amount} polls of ${batch}`)
  return { ...cost, requests: amount, messages: found }
}

async function catchUpPages ({ writer, reader, topic, amount }: Service): Promise<Counted> {
  const messages = payloads(100)
  const segments = Math.ceil(amount / 10) * 10
  await inTurn(segments, () => writer.append(topic, messages))
  let requests = 0
  const cost = await reader.count(async () => {
    for (let next = 1; next <= segments * 100; requests++) next = (await reader.poll(topic, next)).next_offset
  })
  return { ...cost, requests, messages: segments * 100 }
}

/** Segments of the topic that is read by time, for each unit of the case's amount. */
export const segmentsByTime = 10

/** Each by a process that has read none of the topic. */
async function readsByTime (service: Service): Promise<Counted> {
  const { writer, topic, amount } = service
  const segments = amount * segmentsByTime
  await inTurn(segments, () => writer.append(topic, [payload(1)]))
  const timestampAt = async (offset: number): Promise<number> => (await writer.poll(topic, offset, 1)).messages[0]!.timestamp
  const [from, to] = [await timestampAt(1), await timestampAt(segments)]
  const reads = Math.ceil(amount / 5)
  const costs = await inFreshProcesses(service, reads, async (reader, index) => {
    const timestamp = from + Math.round((to - from) * (index + 0.5) / reads)
    const { messages } = await reader.poll(topic, { timestamp }, 1)
    if (messages.length !== 1 || messages[0]!.timestamp < timestamp) throw new Error(`no message at or after ${timestamp}`)
  })
  return { ...sumOf(costs), requests: reads, messages: reads }
}
