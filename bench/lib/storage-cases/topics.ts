import type { CountedService } from '../counted-service.ts'
import { type Case, type Counted, inTurn, payload, type Service } from './case.ts'

/** Managing topics, and sweeps. */
export const topicCases: readonly Case[] = [
  { name: 'describe a topic', run: describes },
  { name: 'list topics, a page of 100', run: lists },
  { name: 'trim that removes 1 segment', run: trims },
  { name: 'sweep, each topic: no retention', run: (service) => sweeps(service, {}) },
  { name: 'sweep, each topic: retention_ms, nothing due', run: (service) => sweeps(service, { retention_ms: 7 * 86_400_000 }) },
  { name: 'sweep, each topic: retention_bytes, written to just now', run: (service) => sweeps(service, { retention_bytes: 1e9 }) }
]

const message = [payload(1)]

async function describes ({ writer, topic, amount }: Service): Promise<Counted> {
  await writer.append(topic, message)
  const cost = await writer.count(() => inTurn(amount, () => writer.request('GET', `/topics/${topic}`)))
  return { ...cost, requests: amount, messages: 0 }
}

async function lists ({ writer, topic, amount }: Service): Promise<Counted> {
  await inTurn(110, (index) => writer.append(`${topic}-${index}`, message))
  const cost = await writer.count(() => inTurn(amount, async () => {
    const { topics } = await writer.request<{ topics: unknown[] }>('GET', `/topics?limit=100&after=${topic}`)
    if (topics.length !== 100) throw new Error(`${topics.length} topics in a page of 100`)
  }))
  return { ...cost, requests: amount, messages: 0 }
}

async function trims ({ writer, topic, amount }: Service): Promise<Counted> {
  await inTurn(amount + 1, () => writer.append(topic, message))
  const cost = await writer.count(() => inTurn(amount, (index) => (
    writer.request('POST', `/topics/${topic}/trim`, `{"before":${index + 2}}`))))
  return { ...cost, requests: amount, messages: 0 }
}

/** One sweep that looks only at these topics. What an earlier sweep has noted in their items is used. */
async function sweeps ({ writer, topic, amount }: Service, config: object): Promise<Counted> {
  // Above the names of all other topics.
  const base = `z${topic}`
  await inTurn(amount, async (index) => {
    const name = `${base}-${String(index).padStart(3, '0')}`
    await writer.request('PUT', `/topics/${name}`, JSON.stringify(config))
    await writer.append(name, message)
  })
  await sweepAll(writer, base, amount)
  const cost = await writer.count(() => sweepAll(writer, base, amount))
  return { ...cost, requests: amount, messages: 0 }
}

async function sweepAll (service: CountedService, after: string, amount: number): Promise<void> {
  const { topics, next, error } = await service.sweep(after)
  if (error !== undefined) throw error
  if (topics !== amount || next !== undefined) throw new Error(`the sweep looked at ${topics} topics of ${amount}`)
}
