import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryApp } from '../support/http/app.ts'

interface Route { readonly parameters: ReadonlyArray<{ name: string, description: string }> }

interface Specification { readonly paths: Readonly<Record<string, Readonly<Record<string, Route>>>> }

test('HTTP has the limits that it is given, and its description names them', async (t) => {
  const { app } = memoryApp(t, {
    limits: {
      requestBytesMax: 1_000,
      requestMessagesMax: 2,
      keyBytesMax: 3,
      headersBytesMax: 4,
      payloadNestingMax: 5,
      pageMessagesDefault: 1,
      pageMessagesMax: 2
    }
  })
  const append = async (payload: object): Promise<string> => {
    const response = await app.inject({ method: 'POST', url: '/topics/a/produce', payload })
    const { status, detail } = response.json<{ status?: number, detail?: string }>()
    return status === undefined ? 'written' : `${status} ${detail}`
  }
  const message = { payload: 1 }
  assert.deepEqual([
    await append({ messages: [message, message] }),
    await append({ messages: [message, message, message] }),
    await append({ ...message, key: 'four' }),
    await append({ ...message, headers: { abc: 'de' } }),
    await append({ payload: [[[[[1]]]]] }),
    await append({ payload: [[[[[[1]]]]]] }),
    await append({ payload: 'x'.repeat(1_000) })
  ], [
    'written',
    '400 messages: expected 1 to 2 messages, got 3',
    '400 key: expected a string of at most 3 bytes, got 4 bytes',
    '400 headers: expected an object of strings, at most 4 bytes together, got 5 bytes',
    'written',
    '400 payload: expected at most 5 levels of nesting, got more',
    '413 body: expected at most 1000 bytes, got more'
  ])
  const counts = await Promise.all(['', '?limit=1000'].map(async (query) => {
    return (await app.inject(`/topics/a/consume${query}`)).json<{ messages: unknown[] }>().messages.length
  }))
  assert.deepEqual(counts, [1, 2])
  const { paths } = (await app.inject('/openapi.json')).json<Specification>()
  const limit = paths['/topics/{topic}/consume']!['get']!.parameters.find(({ name }) => name === 'limit')
  assert.equal(limit?.description, 'Maximum number of messages. Values above 2 count as 2.')
})
