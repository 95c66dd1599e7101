import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { LiveRequests } from '../../../src/app/http/live/live-requests.ts'
import { noTelemetry } from '../../../src/domain/telemetry.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { listeningApp, type MemoryApp, type MemoryAppOptions } from '../../support/http/app.ts'
import { follow } from '../../support/http/events.ts'
import { type Answer, assertProblem, consume, produce, send } from '../../support/http/requests.ts'
import { withFaults } from '../../support/storage/faults.ts'

const full = 'The server already has 2 requests that wait for messages (MAX_FOLLOWERS).'

function assertFull (answer: Answer): void {
  assertProblem(answer, 'too_many_followers', full)
  assert.equal(answer.headers['retry-after'], '1')
}

interface Bounded extends MemoryApp {
  readonly baseUrl: string
  readonly poll: (wait?: number) => Promise<Answer>
  readonly receive: (body?: object) => Promise<Answer>
  readonly stream: () => Promise<Answer>
  /** Sends a request, and leaves it. */
  readonly begin: (request: string) => () => void
  /** Resolves when so many places are free. */
  readonly free: (count: number) => Promise<void>
}

/** A server with places for two. The topic `t` has one message. */
async function bounded (t: TestContext, options: MemoryAppOptions = {}): Promise<Bounded> {
  const made = await listeningApp(t, { followersMax: 2, ...options })
  const { baseUrl } = made
  await produce(baseUrl, 't', '{"payload":1}')
  const { hostname, port } = new URL(baseUrl)
  const receive = (body: object = {}): Promise<Answer> => send(baseUrl, 'POST', '/topics/t/groups/g/receive', body)
  return {
    ...made,
    poll: (wait = 0.2) => consume(baseUrl, 't', `?offset=2&wait=${wait}`),
    receive,
    async stream () {
      const { status, headers, body } = await fetch(`${baseUrl}/topics/t/consume?offset=2`, { headers: { accept: 'text/event-stream' } })
      // One that was accepted would not end.
      if (status === 200) await body!.cancel()
      const text = status === 200 ? '{}' : await new Response(body).text()
      return { status, headers: Object.fromEntries(headers), bytes: Buffer.from(text), text }
    },
    begin (request) {
      const socket = connect(Number(port), hostname)
      socket.write(request)
      t.after(() => { socket.destroy() })
      return () => { socket.destroy() }
    },
    async free (count) {
      await eventually(async () => {
        const answers = await Promise.all(Array.from({ length: count + 1 }, () => consume(baseUrl, 't', '?offset=2&wait=0.1')))
        return answers.filter(({ status }) => status === 200).length === count
      })
    }
  }
}

const poll = 'GET /topics/t/consume?offset=2&wait=20 HTTP/1.1\r\nhost: x\r\n\r\n'
const stream = 'GET /topics/t/consume?offset=2 HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n'
const receive = 'POST /v1/topics/t/groups/h/receive HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
  'content-length: 11\r\n\r\n{"wait":20}'

for (const [name, waiting] of [['streams', [stream, stream]], ['long polls', [poll, poll]], ['both', [stream, poll]]] as const) {
  test(`beyond the bound, of ${name}, requests that would wait are refused; others are answered`, async (t) => {
    const server = await bounded(t)
    const leave = waiting.map((request) => server.begin(request))
    await server.free(0)
    assertFull(await server.poll())
    assertFull(await server.stream())
    assert.equal((await consume(server.baseUrl, 't', '?wait=20')).text.includes('"offset":1'), true)
    assert.equal((await consume(server.baseUrl, 't', '?offset=2')).status, 200)
    const leased = JSON.parse((await server.receive({ wait: 20 })).text) as { lease: { id: string } }
    assertFull(await server.receive({ wait: 0.2 }))
    assert.equal((await server.receive()).status, 200)
    // The acknowledgement has been made, and is told. There is nothing to repeat.
    const acked = await server.receive({ wait: 20, ack: [{ lease_id: leased.lease.id }] })
    assert.equal(acked.status, 200)
    assert.equal((JSON.parse(acked.text) as { committed_offset: number }).committed_offset, 2)
    leave[0]!()
    await server.free(1)
    leave[1]!()
    await server.free(2)
  })
}

test('receives that wait have places, which they give back when they are answered or left', async (t) => {
  const server = await bounded(t)
  await send(server.baseUrl, 'PUT', '/topics/t/groups/h/offset', { offset: 2 })
  const leave = [server.begin(receive), server.begin(receive)]
  await server.free(0)
  assertFull(await server.poll())
  leave[0]!()
  await server.free(1)
  await produce(server.baseUrl, 't', '{"payload":2}')
  await eventually(async () => (await consume(server.baseUrl, 't', '?offset=3&wait=0.1')).status === 200)
  assert.deepEqual(new Set((await Promise.all([0, 1].map(() => consume(server.baseUrl, 't', '?offset=3&wait=0.1'))))
    .map(({ status }) => status)), new Set([200]))
})

test('a place is given back whatever becomes of the request', async (t) => {
  const failure: { now: Error | undefined } = { now: undefined }
  const topics = withFaults(createMemoryTopicStore(), {
    read: (call) => failure.now === undefined ? call() : Promise.reject(failure.now)
  })
  const server = await bounded(t, { topics, limits: { followPollMinMs: 5, followPollMaxMs: 5, streamRetryMs: 10 } })
  const answered = async (): Promise<void> => { for (let i = 0; i < 5; i++) assert.equal((await server.poll(0.01)).status, 200) }
  const ended = async (): Promise<void> => { for (let i = 0; i < 5; i++) assert.equal((await server.receive({ wait: 0.01 })).status, 200) }
  const left = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      const reader = await follow(t, server.baseUrl, 't')
      await reader.atLeast(1)
      reader.close()
      await server.free(2)
    }
  }
  const failed = async (): Promise<void> => {
    failure.now = new StoreError('misconfigured', 'none', 'no such table')
    for (let i = 0; i < 5; i++) {
      assertProblem(await server.stream(), 'storage_misconfigured', 'The storage refused the request: it is not set up for this service.')
      await server.poll()
    }
    failure.now = undefined
  }
  for (const way of [answered, ended, left, failed]) {
    await way()
    await server.free(2)
  }
})

test('a place is given back when the client leaves while its stream begins', async (t) => {
  let slow = false
  const topics = withFaults(createMemoryTopicStore(), {
    read: async (call) => {
      if (slow) await new Promise((resolve) => { setTimeout(resolve, 200) })
      return call()
    }
  })
  const server = await bounded(t, { topics })
  slow = true
  for (let i = 0; i < 2; i++) {
    const leave = server.begin(stream)
    await new Promise((resolve) => { setTimeout(resolve, 50) })
    leave()
  }
  await new Promise((resolve) => { setTimeout(resolve, 500) })
  slow = false
  await server.free(2)
})

test('places are counted', async (t) => {
  const { log } = await bounded(t)
  const live = new LiveRequests(log, 1, noTelemetry)
  assert.deepEqual([live.tryTake('stream'), live.tryTake('stream'), live.size], [true, false, 1])
  live.giveBack('stream')
  live.take('stream')
  assert.throws(() => { live.take('stream') }, { code: 'too_many_followers' })
})
