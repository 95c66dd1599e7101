import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { encodeMessage } from '../../../src/domain/segments/message.ts'
import { traceparentsOfLines, traceparentsOfNew } from '../../../src/domain/segments/traceparent.ts'

const bounds = { ...defaultLimits, traceLinksMax: 3, tracedMessageBytesMax: 200 }

function headers (traceparent: unknown): string {
  return JSON.stringify({ other: 'traceparent', traceparent })
}

function line (headers?: string, payload = '1'): Uint8Array {
  return Buffer.from(encodeMessage({ payload, headers }, 1, '5'))
}

test('the header traceparent of messages is found, whatever is in it', () => {
  const messages = [{ payload: '1', headers: headers('a') }, { payload: '1' }, { payload: '1', headers: headers('') }]
  assert.deepEqual(traceparentsOfNew(messages, bounds), ['a', ''])
  assert.deepEqual(traceparentsOfLines(messages.map(({ headers }) => line(headers)), bounds), ['a', ''])
})

test('so many messages are looked at, the first ones', () => {
  assert.deepEqual(traceparentsOfNew([1, 2, 3, 4].map((i) => ({ payload: '1', headers: headers(`${i}`) })), bounds), ['1', '2', '3'])
  assert.deepEqual(traceparentsOfLines([1, 2, 3, 4].map((i) => line(headers(`${i}`))), bounds), ['1', '2', '3'])
  assert.deepEqual(traceparentsOfLines([line(), line(), line(), line(headers('4'))], bounds), [])
})

test('a message that is too long is not looked at, the next one is', () => {
  assert.deepEqual(traceparentsOfLines([line(headers('a'), `"${'x'.repeat(200)}"`), line(headers('b'))], bounds), ['b'])
})

test('a payload with such a member is no header', () => {
  const payloads = ['{"traceparent":"a"}', '{"headers":{"traceparent":"a"}}']
  assert.deepEqual(traceparentsOfLines(payloads.map((payload) => line(undefined, payload)), bounds), [])
})

test('a header of another program that is no string does not count', () => {
  for (const value of [1, null, ['a'], { a: 1 }]) assert.deepEqual(traceparentsOfLines([line(headers(value))], bounds), [])
})
