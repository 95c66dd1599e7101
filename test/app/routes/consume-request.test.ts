import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConsumeRequest, readRequest, type ValidRequest } from '../../../src/app/routes/topics/consume-request.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'

function read (request: Partial<ValidRequest>): ConsumeRequest {
  return readRequest({ method: 'GET', query: {}, headers: {}, ...request }, defaultLimits)
}

const size = { limit: 10, maxBytes: 4_194_304 }
const events = { accept: 'text/event-stream' }

test('a request asks for a page, from the beginning, of the default size', () => {
  assert.deepEqual(read({}), { mode: 'page', start: 1, size })
  assert.deepEqual(read({ query: { offset: 'latest' } }), { mode: 'page', start: 'latest', size })
})

test('values above the limits count as the limits', () => {
  assert.deepEqual(read({ query: { offset: '7', limit: '9999', max_bytes: '1' } }), {
    mode: 'page',
    start: 7,
    size: { limit: 1_000, maxBytes: 1 }
  })
  assert.deepEqual(read({ query: { max_bytes: '99999999', wait: '60' } }), { mode: 'poll', start: 1, size, waitMs: 20_000 })
})

test('a request with a time to wait is a poll, but HEAD never waits', () => {
  assert.deepEqual(read({ query: { wait: '0.25' } }), { mode: 'poll', start: 1, size, waitMs: 250 })
  assert.deepEqual(read({ query: { wait: '0' } }), { mode: 'page', start: 1, size })
  assert.deepEqual(read({ method: 'HEAD', query: { wait: '5' } }), { mode: 'page', start: 1, size })
})

test('a request for events is a stream, which resumes after the last event, but HEAD is a page', () => {
  assert.deepEqual(read({ headers: events, query: { offset: '3', wait: '5' } }), { mode: 'stream', start: 3, resumes: false })
  assert.deepEqual(
    read({ headers: { ...events, 'last-event-id': '41' }, query: { offset: '3' } }), { mode: 'stream', start: 42, resumes: true }
  )
  assert.deepEqual(read({ method: 'HEAD', headers: { ...events, 'last-event-id': '41' } }), { mode: 'page', start: 1, size })
  assert.deepEqual(read({ headers: { 'last-event-id': '41' } }), { mode: 'page', start: 1, size })
})

test('a time in place of an offset, in ms or as a date', () => {
  assert.deepEqual(read({ query: { timestamp: '1702000000000' } }), { mode: 'page', start: { sinceMs: 1_702_000_000_000 }, size })
  for (const timestamp of ['2024-02-29T12:00:00.5Z', '2024-02-29t12:00:00.500z', '2024-02-29T14:30:00.5+02:30']) {
    assert.deepEqual(read({ query: { timestamp } }), { mode: 'page', start: { sinceMs: Date.UTC(2024, 1, 29, 12, 0, 0, 500) }, size })
  }
  assert.throws(() => read({ query: { timestamp: '2023-02-29T12:00:00Z' } }), { code: 'invalid_request' })
  assert.throws(() => read({ query: { timestamp: '1', offset: '1' } }), { code: 'invalid_request' })
})
