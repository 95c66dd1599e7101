import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { MemoryBudget } from '../../../src/app/http/bounds/memory-budget.ts'
import { EventStream, type EventStreamOptions } from '../../../src/app/http/live/event-stream.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import type { Follower, Page } from '../../../src/domain/log/log.ts'
import { Lines } from '../../../src/domain/segments/lines.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { listeningApp, memoryApp } from '../../support/http/app.ts'
import { follow } from '../../support/http/events.ts'
import { ask, assertProblem, consume, problem, produce } from '../../support/http/requests.ts'
import { withFaults } from '../../support/storage/faults.ts'

const soon = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

/** A topic store whose reads are counted, and fail on demand. */
function watchedTopics () {
  const watched = { reads: 0, failure: undefined as Error | undefined }
  const topics = withFaults(createMemoryTopicStore(), {
    read: (call) => {
      watched.reads++
      return watched.failure === undefined ? call() : Promise.reject(watched.failure)
    }
  })
  return { topics, watched }
}

test('closing the server ends streams and waits in order', async (t) => {
  const { app, baseUrl } = await listeningApp(t)
  await produce(baseUrl, 't', '{"payload":1}')
  const readers = await Promise.all(Array.from({ length: 5 }, () => follow(t, baseUrl, 't')))
  for (const reader of readers) await reader.atLeast(1)
  const waiting = consume(baseUrl, 't', '?offset=2&wait=20')
  await soon(50)
  const began = performance.now()
  await app.close()
  assert(performance.now() - began < 5_000)
  assert.equal((await waiting).text, '{"messages":[],"next_offset":2}')
  for (const reader of readers) await reader.until(({ ended }) => ended)
})

test('who goes away is not polled for any more', async (t) => {
  const { topics, watched } = watchedTopics()
  const { baseUrl } = await listeningApp(t, { topics, limits: { followPollMinMs: 5, followPollMaxMs: 5 } })
  const controller = new AbortController()
  const asked = fetch(`${baseUrl}/topics/t/consume?wait=20`, { signal: controller.signal }).catch(() => {})
  const reader = await follow(t, baseUrl, 't')
  await soon(50)
  controller.abort()
  reader.close()
  await asked
  await soon(100)
  const { reads } = watched
  await soon(100)
  assert.equal(watched.reads, reads)
})

test('a reader that stops reading gets everything when it goes on', async (t) => {
  const { baseUrl, log } = await listeningApp(t, { limits: { segmentCacheBytes: 0 } })
  const stuck = await follow(t, baseUrl, 't')
  const reader = await follow(t, baseUrl, 't')
  stuck.pause()
  const payload = JSON.stringify('x'.repeat(100_000))
  for (let n = 0; n < 200; n++) await log.append('t', [{ payload }])
  await reader.atLeast(200)
  stuck.resume()
  const events = await stuck.atLeast(200)
  assert.deepEqual(events.map(({ id }) => Number(id)), Array.from({ length: 200 }, (_, i) => i + 1))
})

test('a stream that is delivered only when it is complete ends without messages, too', async (t) => {
  const { app } = memoryApp(t, { streamBounds: { bytes: 1_000, buffered: true }, limits: { bufferedStreamMs: 300 } })
  await app.ready()
  const began = performance.now()
  const { payload } = await app.inject({ url: '/topics/t/consume', headers: { accept: 'text/event-stream' } })
  const tookMs = performance.now() - began
  assert.equal(payload, 'retry: 1000\nid: 0\n\n')
  assert(tookMs > 290 && tookMs < 3_000, `${tookMs} ms`)
})

test('a stream that cannot begin is refused with a problem, and nobody is left waiting', async (t) => {
  const { topics, watched } = watchedTopics()
  const { baseUrl } = await listeningApp(t, { topics, limits: { followPollMinMs: 5, followPollMaxMs: 5 } })
  watched.failure = new StoreError('misconfigured', 'none', 'no such table')
  const accept = 'text/event-stream'
  assertProblem(await ask(baseUrl, { path: '/topics/t/consume', headers: { accept } }), 'storage_misconfigured',
    'The storage refused the request: it is not set up for this service.')
  const { reads } = watched
  await soon(100)
  assert.equal(watched.reads, reads)
})

/** A page of lines at these offsets. */
function pageWith (...messages: Array<readonly [offset: number, line: string]>): Partial<Page> {
  return {
    count: messages.length,
    runs: messages.map(([first, line]) => ({ first, lines: new Lines(Buffer.from(line)), start: 0, stop: 1 }))
  }
}

/** A follower that gives what it is told to. */
function scripted (...answers: Array<Partial<Page> | LogError>): Follower & { readonly waits: readonly number[] } {
  const waits: number[] = []
  let closed = false
  return {
    position: 1,
    get closed () { return closed },
    waits,
    next (_size, waitMs) {
      waits.push(waitMs)
      const answer = answers.shift()
      if (answer instanceof LogError) return Promise.reject(answer)
      if (answer === undefined) closed = true
      return Promise.resolve({ runs: [], count: 0, nextOffset: 1, end: 1, earliest: 1, closed: false, ...answer })
    },
    close () { closed = true }
  }
}

function client (raw = new Writable()): EventStreamOptions['client'] {
  return { hold: new MemoryBudget(defaultLimits.pageBytesMax, defaultLimits).hold(), raw }
}

interface StreamOptions { readonly endsAt?: number, readonly onError?: (error: LogError) => void }

function streamOf (follower: Follower, options: StreamOptions = {}): EventStream {
  return new EventStream({
    limits: defaultLimits,
    follower,
    from: 1,
    endsAt: Infinity,
    bounds: undefined,
    client: client(),
    onPage () {},
    onError () {},
    ...options
  })
}

async function textOf (follower: Follower, options: StreamOptions = {}): Promise<string> {
  const stream = streamOf(follower, options)
  await stream.open()
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

test('with nothing to say a stream sends a comment every 15 seconds', async () => {
  const follower = scripted({}, {}, {})
  assert.equal(await textOf(follower), 'retry: 1000\nid: 0\n\n:\n\n:\n\n')
  assert.deepEqual(follower.waits, [0, 15_000, 15_000, 15_000])
})

test('a heartbeat tells how far sealed offsets have been passed over', async () => {
  assert.equal(await textOf(Object.assign(scripted({}, {}), { position: 6 })), 'retry: 1000\nid: 0\n\n:\nid: 5\n\n')
})

test('a stream ends before the time that its platform gives it', async () => {
  const follower = scripted({}, {}, {}, {}, {}, {})
  const text = await textOf(follower, { endsAt: performance.now() + 5 })
  assert.match(text, /^retry: 1000\nid: 0\n\n/)
  assert(follower.waits.every((ms) => ms <= 5), String(follower.waits))
})

test('an error that a repetition does not mend is the last event', async () => {
  const failures: LogError[] = []
  const error = new LogError('segment_corrupt', 'The segment is damaged.')
  const text = await textOf(scripted({}, error), { onError: (failure) => { failures.push(failure) } })
  assert.equal(text,
    `retry: 1000\nid: 0\n\nevent: problem\ndata: ${JSON.stringify(problem('segment_corrupt', 'The segment is damaged.'))}\n\n`)
  assert.deepEqual(failures, [error])
})

test('an error that may pass is followed by a heartbeat', async () => {
  const text = await textOf(scripted({}, new LogError('storage_unavailable', 'down'), pageWith([1, '{}'])))
  assert.equal(text, 'retry: 1000\nid: 0\n\n:\n\nid: 1\ndata: {}\n\n')
})

test('an offset is told from where its message stands, not counted: seals have none', async () => {
  const text = await textOf(scripted(pageWith([3, 'a'], [7, 'b'])))
  assert.equal(text, 'retry: 1000\nid: 0\n\nid: 3\ndata: a\n\nid: 7\ndata: b\n\n')
})

test('no page is asked for that nobody takes', async () => {
  const follower = scripted(...Array.from({ length: 50 }, (_, i) => pageWith([i + 1, 'x'.repeat(50_000)])))
  const stream = streamOf(follower)
  await stream.open()
  stream.pipe(new Writable({ write () {} })) // takes one piece, and is never done with it
  await soon(50)
  assert(follower.waits.length <= 4, `${follower.waits.length} pages`)
  stream.destroy()
})

test('a stream that is destroyed closes its follower', async () => {
  const follower = scripted({}, {})
  const stream = streamOf(follower)
  stream.destroy()
  await once(stream, 'close')
  assert.equal(follower.closed, true)
})
