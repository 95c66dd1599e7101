import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage } from '../../../src/domain/segments/message.ts'
import { timestampOf } from '../../../src/domain/segments/timestamp.ts'

const of = (line: string): number | undefined => timestampOf(new TextEncoder().encode(line))

test('reads the timestamp of the lines that this server writes', () => {
  for (const extra of [{}, { key: 'k' }, { headers: '{"timestamp":"9"}' }, { key: ',"timestamp":7}', headers: '{}' }]) {
    for (const payload of ['1', '{"timestamp":5}', '"\\",\\"timestamp\\":6}"', '"grüße"']) {
      assert.equal(of(encodeMessage({ payload, ...extra }, 12, '1702000000000')), 1_702_000_000_000)
    }
  }
})

test('reads the timestamp wherever other implementations put it', () => {
  assert.equal(of('{"timestamp":3,"offset":1,"payload":{"a":1,"timestamp":5}}'), 3)
  assert.equal(of('{ "offset": 1, "payload": 1, "timestamp": 1.5e3 }'), 1_500)
  assert.equal(of('{"offset":1,"timestamp":1,"payload":",\\"timestamp\\":6}"}'), 1)
})

test('a line may have no timestamp, or one that is not a number', () => {
  assert.equal(of('{"offset":1,"payload":{"a":1,"timestamp":5}}'), undefined)
  assert.equal(of('{"offset":1,"payload":1,"timestamp":"2024-01-01T00:00:00Z"}'), undefined)
  assert.equal(of('{"offset":1,"payload":1,"timestamp":null}'), undefined)
})
