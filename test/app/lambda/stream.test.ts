import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { streamAnswer } from '../../../src/app/lambda/stream.ts'
import type { Follower, Log } from '../../../src/domain/log/log.ts'
import { eventually } from '../../support/eventually.ts'
import { memoryApp } from '../../support/http/app.ts'
import { lambdaGlobal, ResponseStream } from '../../support/lambda/response-stream.ts'

lambdaGlobal()

const live = { url: '/topics/a/consume', headers: { accept: 'text/event-stream' } }

/** An app whose followers the test sees. */
function watchedApp (t: TestContext): { app: FastifyInstance, followers: Follower[], produce: (payload: string) => Promise<unknown> } {
  const { log } = memoryApp(t)
  const followers: Follower[] = []
  const watched: Log = {
    ...log,
    follow (topic, from) {
      const follower = log.follow(topic, from)
      followers.push(follower)
      return follower
    }
  }
  const { app } = memoryApp(t, { log: watched })
  return { app, followers, produce: (payload) => app.inject({ method: 'POST', url: '/topics/a/produce', payload: { payload } }) }
}

test('status, headers and body of any answer, also of one without a body', async (t) => {
  const { app } = memoryApp(t)
  const [page, none] = [new ResponseStream(), new ResponseStream()]
  await streamAnswer(app, { url: '/nope' }, page)
  assert.equal(page.head?.statusCode, 404)
  assert.equal(page.head.headers['content-type'], 'application/problem+json; charset=utf-8')
  assert.equal(page.head.headers['content-length'], String(Buffer.byteLength(page.body)))
  assert.equal(page.head.headers['connection'], undefined)
  await streamAnswer(app, { method: 'HEAD', url: '/health' }, none)
  assert.deepEqual([none.head?.statusCode, none.body, none.writableEnded], [200, '', true])
})

test('events arrive while the stream goes on', async (t) => {
  const { app, produce } = watchedApp(t)
  const out = new ResponseStream()
  const over = streamAnswer(app, live, out)
  await eventually(() => out.head !== undefined)
  assert.equal(out.head?.headers['content-type'], 'text/event-stream')
  assert.equal(out.head.headers['transfer-encoding'], undefined)
  await produce('x')
  await eventually(() => out.body.includes('"payload":"x"'))
  out.destroy()
  await over
})

for (const [what, request] of Object.entries({ 'a stream': live, 'a long poll': { url: '/topics/a/consume?wait=20' } })) {
  test(`when the response stream is destroyed, ${what} ends and lets go of its topic`, async (t) => {
    const { app, followers } = watchedApp(t)
    for (const error of [undefined, new Error('ECONNRESET')]) {
      const out = new ResponseStream()
      const over = streamAnswer(app, request, out)
      await eventually(() => followers.length === 1)
      assert.equal(followers[0]!.closed, false)
      out.destroy(error)
      await over
      await eventually(() => followers[0]!.closed)
      followers.pop()
    }
    const next = new ResponseStream()
    await streamAnswer(app, { url: '/health' }, next)
    assert.equal(next.body, '{"status":"ok"}')
  })
}

test('a reader that takes nothing stops the reading of the topic', async (t) => {
  const { app, followers, produce } = watchedApp(t)
  for (let i = 0; i < 40; i++) await produce('x'.repeat(100_000))
  const out = new ResponseStream()
  out.pause()
  const over = streamAnswer(app, live, out)
  await eventually(() => followers.length === 1)
  const settled = async (): Promise<number> => {
    let last
    do {
      last = followers[0]!.position
      await new Promise((resolve) => { setTimeout(resolve, 100) })
    } while (followers[0]!.position !== last)
    return last
  }
  assert(await settled() < 10, `position ${followers[0]!.position}`)
  out.resume()
  await eventually(() => followers[0]!.position === 41 && out.body.split('\ndata: ').length === 41)
  out.destroy()
  await over
})

test('an answer that breaks off is left to the runtime to fail', async () => {
  const app = Fastify()
  app.get('/', async () => Readable.from((function * () {
    yield 'begun'
    throw new Error('broken')
  })()))
  const out = new ResponseStream()
  await assert.rejects(streamAnswer(app, { url: '/' }, out))
  assert.deepEqual([out.body, out.writableEnded, out.destroyed], ['begun', false, false])
  out.end()
  await once(out, 'close')
  await app.close()
})
