import { setTimeout as sleep } from 'node:timers/promises'
import { type CountedService, sumOf } from '../counted-service.ts'
import { type Case, type Counted, inFreshProcesses, inTurn, payload, type Service } from './case.ts'

/** Appends of one message with each of the conditions. The topics exist already, so that they compare to later plain appends. */
export const conditionCases: readonly Case[] = [
  { name: 'producer: next seq', run: producerAppends },
  { name: 'producer: next seq, 64 producers at a time', run: manyProducers },
  { name: 'producer: next seq, by a process that knows nothing', run: movingProducer },
  { name: 'producer: repeat', run: repeats },
  { name: 'producer: repeat, by a process that knows nothing', run: (service) => strangersRepeats(service, 1) },
  { name: 'producer: repeat of seq 0, by a process that knows nothing', run: (service) => strangersRepeats(service, 0) },
  { name: 'Idempotency-Key: new', run: keyedAppends },
  { name: 'Idempotency-Key: repeat', run: keyedRepeats },
  { name: 'expected_offset', run: expectedOffsets },
  { name: 'close with a last append', run: closingAppends },
  { name: 'close alone', run: closes }
]

const message = [payload(1)]
/** What a process writes after it has answered must be counted, too. */
const leisureMs = 500

function producer (seq: number, id = 'p'): object {
  return { producer: { id, epoch: 0, seq } }
}

async function producerAppends ({ writer, topic, amount }: Service): Promise<Counted> {
  await writer.append(topic, message, producer(0))
  const cost = await writer.count(() => inTurn(amount, (index) => writer.append(topic, message, producer(index + 1))))
  return { ...cost, requests: amount, messages: amount }
}

/** All of them in one topic, each with one append at a time. */
async function manyProducers ({ writer, topic, amount }: Service): Promise<Counted> {
  const each = Math.ceil(amount / 4)
  const all = (from: number, count: number): Promise<unknown> => Promise.all(Array.from({ length: 64 }, (_, id) =>
    inTurn(count, (index) => writer.append(topic, message, producer(from + index, `p${id}`)))))
  await all(0, 1)
  const cost = await writer.count(async () => { await all(1, each) })
  return { ...cost, requests: 64 * each, messages: 64 * each }
}

/** As on Lambda, when each call meets another instance for the first time. */
async function movingProducer (service: Service): Promise<Counted> {
  const { writer, topic, amount } = service
  await writer.append(topic, message, producer(0))
  const requests = Math.ceil(amount / 5)
  const costs = await inFreshProcesses(service, requests, (process, index) => process.append(topic, message, producer(index + 1)))
  return { ...sumOf(costs), requests, messages: requests }
}

async function repeats ({ writer, topic, amount }: Service): Promise<Counted> {
  const { offset } = await writer.append(topic, message, producer(0))
  const cost = await writer.count(() => inTurn(amount, () => repeat(writer, topic, offset, producer(0))))
  return { ...cost, requests: amount, messages: 0 }
}

async function repeat (
  service: CountedService, topic: string, offset: number, conditions: object, headers?: Record<string, string>
): Promise<void> {
  const answer = await service.append(topic, message, conditions, headers)
  if (answer.duplicate !== true || answer.offset !== offset) {
    throw new Error(`expected the repeat of offset ${offset}, got ${JSON.stringify(answer)}`)
  }
}

async function strangersRepeats (service: Service, seq: number): Promise<Counted> {
  const { writer, topic, amount } = service
  const first = await writer.append(topic, message, producer(0))
  await writer.append(topic, message, producer(1))
  const requests = Math.ceil(amount / 5)
  const costs = await inFreshProcesses(service, requests, (process) => repeat(process, topic, first.offset + seq, producer(seq)))
  return { ...sumOf(costs), requests, messages: 0 }
}

async function keyedAppends ({ writer, topic, amount }: Service): Promise<Counted> {
  await writer.append(topic, message)
  const cost = await writer.count(async () => {
    await inTurn(amount, (index) => writer.append(topic, message, {}, { 'idempotency-key': `key-${index}` }))
    await sleep(leisureMs)
  })
  return { ...cost, requests: amount, messages: amount }
}

async function keyedRepeats ({ writer, topic, amount }: Service): Promise<Counted> {
  const key = { 'idempotency-key': 'key' }
  const { offset } = await writer.append(topic, message, {}, key)
  await sleep(leisureMs)
  const cost = await writer.count(() => inTurn(amount, () => repeat(writer, topic, offset, {}, key)))
  return { ...cost, requests: amount, messages: 0 }
}

async function expectedOffsets ({ writer, topic, amount }: Service): Promise<Counted> {
  let { offset } = await writer.append(topic, message)
  const cost = await writer.count(() => inTurn(amount, async () => {
    offset = (await writer.append(topic, message, { expected_offset: offset + 1 })).offset
  }))
  return { ...cost, requests: amount, messages: amount }
}

async function closingAppends ({ writer, topic, amount }: Service): Promise<Counted> {
  await inTurn(amount, (index) => writer.append(`${topic}-${index}`, message))
  const cost = await writer.count(async () => {
    await inTurn(amount, (index) => writer.append(`${topic}-${index}`, message, { close: true }))
    await sleep(leisureMs)
  })
  return { ...cost, requests: amount, messages: amount }
}

async function closes ({ writer, topic, amount }: Service): Promise<Counted> {
  await inTurn(amount, (index) => writer.append(`${topic}-${index}`, message))
  const cost = await writer.count(() => inTurn(amount, (index) => writer.request('POST', `/topics/${topic}-${index}/close`)))
  return { ...cost, requests: amount, messages: 0 }
}
