import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeToken, encodeToken, type TokenRecord } from '../../../src/domain/access/token-codec.ts'

const time = fc.nat(Number.MAX_SAFE_INTEGER)
const records: fc.Arbitrary<TokenRecord> = fc.record({
  hash: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 }),
  name: fc.string({ unit: 'binary', maxLength: 128 }),
  allow: fc.array(fc.string({ maxLength: 30 }), { maxLength: 100 }),
  createdAtMs: time,
  createdBy: fc.string({ unit: 'grapheme' }),
  expiresAtMs: fc.option(time, { nil: undefined }),
  requestsPerSecond: fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined })
})

const record: TokenRecord = {
  hash: 'ab'.repeat(32),
  name: 'ci',
  allow: ['produce:orders.*'],
  createdAtMs: 1,
  createdBy: 'me',
  expiresAtMs: 2,
  requestsPerSecond: 3
}

test('what is stored of a token is read again as it was', () => {
  fc.assert(fc.property(records, (token) => { assert.deepEqual(decodeToken(encodeToken(token)), { ...token }) }))
  assert.equal(encodeToken(record), `{"v":1,"sha256":"${'ab'.repeat(32)}","name":"ci","allow":["produce:orders.*"],"created_at":1,` +
    '"created_by":"me","expires_at":2,"requests_per_second":3}')
})

test('what is no token is refused, and never an exception', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.json({ maxDepth: 1 })), (text) => {
    assert.equal(decodeToken(text), undefined)
  }))
  fc.assert(fc.property(records, fc.nat(), (token, cut) => {
    const text = encodeToken(token)
    assert.equal(decodeToken(text.slice(0, cut % text.length)), undefined)
  }))
})

test('a token with a member of another type, too many or too few is refused', () => {
  const stored = JSON.parse(encodeToken(record)) as Record<string, unknown>
  const required = ['v', 'sha256', 'name', 'allow', 'created_at', 'created_by']
  for (const name of Object.keys(stored)) {
    const { [name]: _, ...rest } = stored
    assert.equal(decodeToken(JSON.stringify(rest)) === undefined, required.includes(name), `without ${name}`)
    for (const value of [null, true, {}, -1, 0.5, 1e300, [1], [[]], ...['name', 'created_by'].includes(name) ? [] : ['A'.repeat(64)]]) {
      assert.equal(decodeToken(JSON.stringify({ ...stored, [name]: value })), undefined, `${name}: ${JSON.stringify(value)}`)
    }
  }
  const wrong: object[] = [
    { v: 2 }, { v: '1' }, { requests_per_second: 0 }, { sha256: 'AB'.repeat(32) }, { sha256: 'ab'.repeat(33) }, { only_from: '10.0.0.1' },
    { toString: 1 }, { constructor: 1 }
  ]
  for (const change of wrong) assert.equal(decodeToken(JSON.stringify({ ...stored, ...change })), undefined, JSON.stringify(change))
  assert.equal(decodeToken(JSON.stringify(stored).slice(0, -1) + ',"__proto__":{}}'), undefined)
  assert.equal(decodeToken(JSON.stringify({ ...stored, name: 'x'.repeat(64 * 1024) })), undefined, 'too long')
  for (const text of ['null', '[]', '1', '"x"', '', '{}']) assert.equal(decodeToken(text), undefined)
})
