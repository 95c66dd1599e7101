import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { RejectMessage, StreamsClient, StreamsError, type Topic } from '../src/index.ts'
import { type ConsumeStep, scenarios, type Step } from './support/scenarios.ts'
import { suiteService, type SuiteService } from './support/suite-service.ts'

interface Payload { readonly n: number }

/** Runs the steps of one scenario. */
class Runner {
  readonly #service: SuiteService
  readonly #client: StreamsClient

  constructor (service: SuiteService) {
    this.#service = service
    this.#client = new StreamsClient({
      url: service.url, retry: { baseMs: 20, maxMs: 500 }, ...service.token !== undefined && { token: service.token }
    })
  }

  async run (step: Step): Promise<void> {
    if ('faults' in step) await this.#service.control('/faults', step.faults)
    else if ('together' in step) await Promise.all(step.together.map((part) => this.run(part)))
    else if ('kill' in step) await this.#kill(step.kill)
    else if ('produce' in step) await this.#produce(step.produce)
    else if ('append' in step) await this.#append(step.append)
    else if ('read' in step) await this.#read(step.read)
    else if ('follow' in step) await this.#follow(step.follow)
    else if ('consume' in step) await this.#consume(step.consume)
    else if ('process' in step) await this.#process(step.process)
    else await this.#fence(step.fence)
  }

  #topic (name: string): Topic<Payload> {
    return this.#client.topic<Payload>(name)
  }

  async #kill ({ afterRequests, downMs }: Extract<Step, { kill: unknown }>['kill']): Promise<void> {
    const before = (await this.#service.control('/')).requests
    while ((await this.#service.control('/')).requests < before + afterRequests) await wait(10)
    await this.#service.control('/kill')
    await wait(downMs)
    await this.#service.control('/start')
  }

  async #produce ({ topic, messages, batchMessages = 1_000, keys = 1 }: Extract<Step, { produce: unknown }>['produce']): Promise<void> {
    const offsets: Array<Promise<{ offset: number }>> = []
    {
      await using producer = this.#topic(topic).producer({ batchMessages })
      for (let n = 0; n < messages; n++) {
        await producer.ready
        offsets.push(producer.append({ n }, { key: `k${n % keys}` }))
      }
    }
    const got = (await Promise.all(offsets)).map(({ offset }) => offset)
    assert.ok(got.every((offset, n) => n === 0 || offset > got[n - 1]!), 'offsets rise with the order of the calls')
  }

  async #append ({ topic, messages, concurrency }: Extract<Step, { append: unknown }>['append']): Promise<void> {
    const numbers = Array.from({ length: messages }, (_, n) => n).values()
    const offsets = new Set<number>()
    await Promise.all(Array.from({ length: concurrency }, async () => {
      for (const n of numbers) offsets.add((await this.#topic(topic).append({ n })).offset)
    }))
    assert.equal(offsets.size, messages)
  }

  async #read ({ topic, messages, order = true, pageSize = 1_000 }: Extract<Step, { read: unknown }>['read']): Promise<void> {
    const got: number[] = []
    for await (const { payload } of this.#topic(topic).read({ pageSize })) got.push(payload.n)
    assertEach(order ? got : got.sort((a, b) => a - b), messages)
  }

  async #follow ({ topic, messages, ...options }: Extract<Step, { follow: unknown }>['follow']): Promise<void> {
    const got: number[] = []
    const offsets: number[] = []
    for await (const { offset, payload } of this.#topic(topic).follow(options)) {
      offsets.push(offset)
      got.push(payload.n)
      if (got.length === messages) break
    }
    assertEach(got, messages)
    assert.ok(offsets.every((offset, at) => at === 0 || offset > offsets[at - 1]!))
  }

  async #consume (step: ConsumeStep): Promise<void> {
    const { topic, group, messages, workers = 1, mode = 'shared', failEvery = Infinity, keyOrder = false, concurrency, leaseMs } = step
    await this.#topic(topic).group(group).create({ mode, maxAttempts: null, leaseMs })
    const seen = new Set<number>()
    const last = new Map<string, number>()
    const stop = new AbortController()
    const handler = async ({ payload: { n }, key = '' }: { payload: Payload, key?: string }, { attempt }: { attempt: number }) => {
      await wait(1)
      if (keyOrder && !seen.has(n)) {
        assert.ok((last.get(key) ?? -1) < n, `${key}: ${n} came after ${last.get(key)}`)
        for (let before = n - step20(step); before >= 0 && step20(step) > 0; before -= step20(step)) assert.ok(seen.has(before))
      }
      if (n % failEvery === failEvery - 1 && attempt === 1) throw new Error('the first attempt fails')
      last.set(key, Math.max(n, last.get(key) ?? -1))
      seen.add(n)
      if (seen.size === messages) stop.abort()
    }
    await Promise.all(Array.from({ length: workers }, () => this.#topic(topic).group(group).consume(handler, {
      concurrency, leaseMs, signal: stop.signal, backoff: { baseMs: 50, maxMs: 200 }, onError: rethrowAssertion
    })))
    assert.equal(seen.size, messages)
    await this.#settled(topic, group, messages)
  }

  /** What was acknowledged stays so: nobody has to do it again. */
  async #settled (topic: string, group: string, messages: number): Promise<void> {
    await this.#service.control('/faults', [])
    const left: number[] = []
    const stop = new AbortController()
    const { signal } = stop
    const consuming = this.#topic(topic).group(group).consume(({ offset }) => { left.push(offset) }, { signal, concurrency: 100 })
    const { end } = await this.#topic(topic).describe()
    while ((await this.#topic(topic).group(group).describe()).committedOffset < end) await wait(50)
    stop.abort()
    await consuming
    assert.ok(left.length < messages / 10, `${left.length} of ${messages} came again`)
  }

  async #process (step: Extract<Step, { process: unknown }>['process']): Promise<void> {
    const { topic, group, to, messages, again = false, failEvery = Infinity, concurrency, leaseMs } = step
    const worker = this.#topic(topic).group(group)
    await worker.create({ maxAttempts: null })
    if (again) await worker.seek('earliest')
    const seen = new Set<number>()
    const stop = new AbortController()
    await worker.process(async ({ payload: { n } }, { attempt }) => {
      if (n % failEvery === failEvery - 1 && attempt === 1) throw new Error('the first attempt fails')
      seen.add(n)
      if (seen.size === messages) stop.abort()
      return { topic: to, payload: { n } }
    }, { signal: stop.signal, concurrency, leaseMs, backoff: { baseMs: 50, maxMs: 200 } })
    assert.equal(seen.size, messages)
  }

  async #fence ({ topic, id, before, after }: Extract<Step, { fence: unknown }>['fence']): Promise<void> {
    const old = this.#topic(topic).producer({ id, batchMessages: 10 })
    for (let n = 0; n < before; n++) old.send({ n })
    await old.flush()
    const heir = this.#topic(topic).producer({ id, batchMessages: 10 })
    for (let n = before; n < before + after; n++) heir.send({ n })
    await heir.close()
    const fenced = (error: unknown): boolean => error instanceof StreamsError && error.code === 'producer_fenced' && error.status === 403
    await assert.rejects(old.append({ n: -1 }), fenced)
    await assert.rejects(old.ready, fenced)
    await assert.rejects(old.close(), fenced)
  }
}

/** In mode `keyed`, messages of a key are that far apart. */
function step20 ({ mode }: ConsumeStep): number {
  return mode === 'keyed' ? 20 : mode === 'exclusive' ? 1 : 0
}

/** An assertion in a handler must not become a redelivery. */
function rethrowAssertion (error: unknown): void {
  if (error instanceof assert.AssertionError || error instanceof RejectMessage) process.emit('uncaughtException', error)
}

function assertEach (got: readonly number[], messages: number): void {
  const wrong = got.findIndex((n, at) => n !== at)
  assert.equal(wrong, -1, `expected ${wrong} at ${wrong}, got ${got.slice(wrong, wrong + 5).join(', ')}`)
  assert.equal(got.length, messages)
}

describe('the client suite', () => {
  const all = ['server', 'server-tokens', 'lambda', 'lambda-streaming']
  const cases = all.flatMap((target) => {
    const fitting = scenarios.filter(({ targets = all }) => targets.includes(target.replace('-tokens', '')))
    return fitting.map((scenario) => ({ target, ...scenario }))
  })
  for (const { target, name, seed, settings, steps } of cases) {
    test(`${target}: ${name}`, { timeout: 180_000 }, async (t) => {
      const service = await suiteService(t, { seed, settings, target })
      const runner = new Runner(service)
      for (const step of steps) await runner.run(step)
      const { requests, happened } = await service.control('/')
      t.diagnostic(`${requests} requests, ${JSON.stringify(happened)}`)
      const faults = JSON.stringify(steps).match(/"fault":"[a-z]+"/g) ?? []
      assert.ok(faults.length === 0 || Object.keys(happened).length > 0, 'faults have happened')
    })
  }
})
