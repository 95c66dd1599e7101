import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bucketOf, decodeLeaseId, encodeLeaseId, lifeOf, tagOf } from '../../../src/domain/groups/lease-id.ts'
import { lease, run } from '../../support/groups.ts'

const gen = '00112233445566778899aabbccddeeff'

test('an id tells the life, seq, tag, and the first and the last offset', () => {
  const id = encodeLeaseId('0a0b0c0d', lease(7, [run(3, 2), run(9, 4)], { tag: '0123456789abcdef' }))
  assert.match(id, /^[A-Za-z0-9_-]{48}$/)
  assert.deepEqual(decodeLeaseId(id), { life: '0a0b0c0d', seq: 7, tag: '0123456789abcdef', first: 3, last: 12 })
})

test('what is no id is none: other lengths, other spellings, numbers that are none', () => {
  const id = encodeLeaseId('0a0b0c0d', lease(7, [run(3)]))
  for (const wrong of ['', 'x', id.slice(1), id + 'AA', id + '=', id.slice(0, -1) + '!', ' ' + id, id.replaceAll('A', '+')]) {
    assert.equal(decodeLeaseId(wrong), undefined, wrong)
  }
  const bytes = Buffer.from(id, 'base64url')
  for (const at of [4, 20, 28]) {
    const changed = Buffer.from(bytes)
    changed[at] = 0xff
    assert.equal(decodeLeaseId(changed.toString('base64url')), undefined, `byte ${at}`)
  }
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => {
    const decoded = decodeLeaseId(text)
    assert.ok(decoded === undefined || (Number.isSafeInteger(decoded.last) && decoded.first <= decoded.last))
  }))
})

test('life, tag and bucket are hashes that another life of the group does not share', () => {
  const other = gen.replace('0', '1')
  assert.equal(lifeOf(gen).length, 8)
  assert.notEqual(lifeOf(gen), lifeOf(other))
  assert.equal(tagOf(gen, 'key').length, 16)
  assert.notEqual(tagOf(gen, 'key'), tagOf(other, 'key'))
  assert.notEqual(tagOf(gen, 'key'), tagOf(gen, 'kez'))
  assert.ok(bucketOf(gen, 'key') < 2 ** 24)
  assert.notEqual(bucketOf(gen, 'key'), bucketOf(other, 'key'))
})
