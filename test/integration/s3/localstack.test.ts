import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3'
import { createS3SegmentStore } from '../../../src/adapters/s3/segment-store.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { localstack, withoutLocalstack } from '../../support/storage/localstack.ts'

async function opened (t: TestContext) {
  const { settings, s3, bucket } = await localstack(t)
  const store = createS3SegmentStore({ ...settings, bucket })
  t.after(() => { store.close() })
  const put = async (Key: string, Body: string, more: Partial<PutObjectCommandInput> = {}) => (
    s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...more })))
  return { settings, s3, bucket, store, put }
}

describe('a bucket shared with other implementations of the layout', { skip: withoutLocalstack }, () => {
  test('their objects are read, without metadata and whatever their content type', async (t) => {
    const { store, put } = await opened(t)
    const body = '{"offset":7,"payload":{"n":1},"timestamp":1702000000000}'
    await put('topics/orders/00000000000000000007.json', body)
    const object = await store.get('orders', 7)
    assert.deepEqual({ body: Buffer.from(object!.body).toString(), metadata: object?.metadata }, { body, metadata: {} })
    const { entries } = await store.list('orders', 1, 10)
    assert.deepEqual(entries.map(({ lastOffset: last, size }) => ({ last, size })), [{ last: 7, size: body.length }])
    assert.equal(await store.putIfAbsent('orders', 7, { body: Buffer.from('x'), contentType: 'application/json', metadata: {} }, {
      reservedAtMs: null
    }), 'exists')
  })

  test('our objects are where they look', async (t) => {
    const { store, s3, bucket } = await opened(t)
    await store.putIfAbsent('orders', 12, {
      body: Buffer.from('{"offset":12}'), contentType: 'application/json', metadata: { first: '12', writer: 'w' }
    }, { reservedAtMs: Date.now() })
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'topics/orders/00000000000000000012.json' }))
    assert.deepEqual([await object.Body?.transformToString(), object.ContentType, object.Metadata],
      ['{"offset":12}', 'application/json', { first: '12', writer: 'w' }])
  })

  test('keys of another form are passed over, pages of nothing else included', async (t) => {
    const { store, put } = await opened(t)
    const foreign = [
      '', '00000000000000000002', '00000000000000000002.json.bak', '00000000000000000002.txt', '2.json',
      'sub/00000000000000000003.json', '00000000000000000x02.json', '000000000000000000002.json', '99999999999999999999.json', 'README'
    ]
    for (const name of foreign) await put(`topics/t/${name}`, 'foreign')
    for (const last of [1, 3, 1_000]) await put(`topics/t/${String(last).padStart(20, '0')}.json`, '{}')
    for (const limit of [1, 2, 3, 100]) {
      const found: number[] = []
      for (let from = 1, more = true; more; from = found.at(-1)! + 1) {
        const { entries, truncated } = await store.list('t', from, limit)
        assert.ok(entries.length > 0 || !truncated, 'an empty listing is the last one')
        found.push(...entries.map(({ lastOffset }) => lastOffset))
        assert.ok(found.length <= 3, `found ${found.join(', ')}`)
        more = truncated
      }
      assert.deepEqual(found, [1, 3, 1_000], `limit ${limit}`)
    }
  })
})

test('a bucket that does not exist is named, by every call', { skip: withoutLocalstack }, async (t) => {
  const { settings } = await localstack(t)
  const store = createS3SegmentStore({ ...settings, bucket: 'no-such-bucket-here' })
  t.after(() => { store.close() })
  const object = { body: Buffer.from('x'), contentType: 'application/json', metadata: {} }
  const calls = [
    () => store.check(),
    () => store.get('t', 1),
    () => store.list('t', 1, 1),
    () => store.remove('t', [1]),
    () => store.putIfAbsent('t', 1, object, { reservedAtMs: null })
  ]
  for (const call of calls) {
    await assert.rejects(call(), (error) => {
      assert.ok(error instanceof StoreError)
      assert.deepEqual([error.failure, error.effect], ['misconfigured', 'none'])
      assert.match(error.message, /^the bucket "no-such-bucket-here" does not exist: create it, or set BUCKET_NAME to one that does\./)
      return true
    })
  }
})
