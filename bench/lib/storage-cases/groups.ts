import { setTimeout as sleep } from 'node:timers/promises'
import { type Cost, type CountedService, sumOf } from '../counted-service.ts'
import { type Case, type Counted, inFreshProcesses, inTurn, payloads, type Service } from './case.ts'

/** Messages of a lease, where the case's name says nothing else. */
const leased = 10
/** Messages of each segment of the topics. */
const batch = 100

/** Consumer groups of mode `shared`. */
export const groupCases: readonly Case[] = [
  { name: 'receive 10, by a process that knows nothing', run: (service) => coldReceives(service, 10) },
  { name: 'receive 100, a whole segment, by a process that knows nothing', run: (service) => coldReceives(service, 100) },
  { name: 'receive 10 and ack the last lease, by a process that knows nothing', run: coldCycles },
  { name: 'receive 10 and ack the last lease', run: (service) => cycles(service, 10, 1) },
  { name: 'receive 100 and ack the last lease', run: (service) => cycles(service, 100, 1) },
  { name: 'receive 10 and ack the last lease, 64 workers at a time', run: (service) => cycles(service, 10, 64) },
  { name: 'ack 10 alone', run: (service) => commands(service, 'ack', (id) => ({ lease_id: id })) },
  { name: 'ack 10 alone, by a process that knows nothing', run: coldAcks },
  { name: 'nack 10', run: (service) => commands(service, 'nack', (id) => ({ lease_id: id, counted: false })) },
  { name: 'extend', run: (service) => commands(service, 'extend', (id) => ({ lease_id: id })) },
  { name: 'receive that finds nothing', run: idleReceives },
  { name: 'receive that finds nothing, by a process that knows nothing', run: coldIdleReceives },
  { name: 'nack that rejects 10: a batch of dead letters', run: rejections }
]

interface Problem { readonly code: string }
interface Received {
  readonly messages: readonly unknown[]
  readonly lease: { readonly id: string } | null
  readonly acked?: ReadonlyArray<{ readonly acked: number, readonly already: boolean } | Problem>
}

/** @param lastId is acknowledged with it @returns the id of the new lease */
async function receive (service: CountedService, topic: string, limit: number, lastId?: string): Promise<string> {
  const answer = await service.request<Received>('POST', groupPath(topic, 'receive'),
    JSON.stringify({ limit, ...lastId !== undefined && { ack: [{ lease_id: lastId }] } }))
  const { messages: { length }, lease, acked } = answer
  const isAcked = acked?.every((one) => 'acked' in one && one.acked === limit && !one.already) ?? true
  if (lease === null || length !== limit || !isAcked) {
    throw new Error(`expected ${limit} messages, and the last ones acknowledged, got ${JSON.stringify({ ...answer, messages: length })}`)
  }
  return lease.id
}

function groupPath (topic: string, command: string): string {
  return `/topics/${topic}/groups/g/${command}`
}

/** Stores at least `count` messages. */
async function fill ({ writer, topic }: Service, count: number): Promise<void> {
  const messages = payloads(batch)
  await inTurn(Math.ceil(count / batch), () => writer.append(topic, messages))
}

/** So many cold processes. They cost time, and the result does not depend on their number. */
function few ({ amount }: Service): number {
  return Math.ceil(amount / 5)
}

async function coldReceives (service: Service, limit: number): Promise<Counted> {
  const requests = few(service)
  await fill(service, (requests + 1) * limit)
  await service.writer.request('PUT', `/topics/${service.topic}/groups/g`, '{"max_in_flight":4000}')
  const costs = await inFreshProcesses(service, requests, (process) => receive(process, service.topic, limit))
  return { ...sumOf(costs), requests, messages: requests * limit }
}

/** As on Lambda, when each call meets another instance. */
async function coldCycles (service: Service): Promise<Counted> {
  const requests = few(service)
  await fill(service, (requests + 1) * leased)
  let id = await receive(service.writer, service.topic, leased)
  const costs = await inFreshProcesses(service, requests, async (process) => { id = await receive(process, service.topic, leased, id) })
  return { ...sumOf(costs), requests, messages: requests * leased }
}

async function cycles (service: Service, limit: number, workers: number): Promise<Counted> {
  const { writer, topic } = service
  const each = workers === 1 ? service.amount : Math.ceil(service.amount / 4)
  await fill(service, (each + 1) * workers * limit)
  const ids = await Promise.all(Array.from({ length: workers }, () => receive(writer, topic, limit)))
  const cost = await writer.count(async () => {
    await Promise.all(ids.map((first) => {
      let id = first
      return inTurn(each, async () => { id = await receive(writer, topic, limit, id) })
    }))
  })
  const requests = each * workers
  return { ...cost, requests, messages: requests * limit }
}

/** By the process that has made the lease. */
async function commands (service: Service, command: 'ack' | 'nack' | 'extend', body: (id: string) => object): Promise<Counted> {
  const { writer, topic, amount } = service
  await fill(service, amount * leased)
  const costs: Cost[] = []
  await inTurn(amount, async () => {
    const id = await receive(writer, topic, leased)
    costs.push(await writer.count(async () => { await writer.request('POST', groupPath(topic, command), JSON.stringify(body(id))) }))
    // The next lease must not find more in the group than this one.
    if (command === 'extend') await writer.request('POST', groupPath(topic, 'ack'), JSON.stringify({ lease_id: id }))
  })
  return { ...sumOf(costs), requests: amount, messages: command === 'extend' ? 0 : amount * leased }
}

async function coldAcks (service: Service): Promise<Counted> {
  const { writer, topic } = service
  const requests = few(service)
  await fill(service, requests * leased)
  const ids: string[] = []
  await inTurn(requests, async () => { ids.push(await receive(writer, topic, leased)) })
  const costs = await inFreshProcesses(service, requests, (process, index) => (
    process.request('POST', groupPath(topic, 'ack'), JSON.stringify({ lease_id: ids[index] }))))
  return { ...sumOf(costs), requests, messages: requests * leased }
}

/** The group has all messages out, and waits for what comes. */
async function idle (service: Service): Promise<void> {
  await fill(service, batch)
  await receive(service.writer, service.topic, batch)
  await findNothing(service.writer, service.topic)
}

async function findNothing (service: CountedService, topic: string): Promise<void> {
  const { lease } = await service.request<Received>('POST', groupPath(topic, 'receive'))
  if (lease !== null) throw new Error('expected that there is nothing to receive')
}

async function idleReceives (service: Service): Promise<Counted> {
  const { writer, topic, amount } = service
  await idle(service)
  const cost = await writer.count(() => inTurn(amount, () => findNothing(writer, topic)))
  return { ...cost, requests: amount, messages: 0 }
}

async function coldIdleReceives (service: Service): Promise<Counted> {
  const requests = few(service)
  await idle(service)
  const costs = await inFreshProcesses(service, requests, (process) => findNothing(process, service.topic))
  return { ...sumOf(costs), requests, messages: 0 }
}

/** What the server does behind its answer is counted, too: it moves the batch to the dead-letter topic. */
async function rejections (service: Service): Promise<Counted> {
  const { writer, topic } = service
  const requests = few(service)
  await fill(service, (requests + 1) * leased)
  const reject = async (): Promise<Cost> => {
    const id = await receive(writer, topic, leased)
    return writer.count(async () => {
      await writer.request('POST', groupPath(topic, 'nack'), JSON.stringify({ lease_id: id, reject: true }))
      await lettersMoved(service)
    })
  }
  // The first one makes the dead-letter topic.
  await reject()
  const costs: Cost[] = []
  await inTurn(requests, async () => { costs.push(await reject()) })
  return { ...sumOf(costs), requests, messages: requests * leased }
}

async function lettersMoved ({ reader, topic }: Service): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 20) {
    const { dead_letters_waiting: left } = await reader.request<{ dead_letters_waiting: number }>('GET', `/topics/${topic}/groups/g`)
    if (left === 0) return
    await sleep(20)
  }
  throw new Error('dead letters were not moved within 10 s')
}
