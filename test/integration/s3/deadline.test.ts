import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { createS3SegmentStore } from '../../../src/adapters/s3/segment-store.ts'
import { StoreError, type StoreFailure } from '../../../src/ports/errors.ts'
import { PUT_ACCEPTED_MS, type SegmentObject, type SegmentStore } from '../../../src/ports/segment-store.ts'
import { s3Error, scriptedServer, type ScriptedAnswer, type ScriptedServer } from '../../support/storage/scripted-server.ts'
import { readSignature, type Signature } from '../../support/storage/sigv4.ts'

const minute = 60_000
const secretAccessKey = 'a secret of this test'
const object: SegmentObject = { body: Buffer.from('{"offset":1}'), contentType: 'application/json', metadata: { writer: 'w1' } }
const emptyList = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
const ok: ScriptedAnswer = { status: 200, headers: { etag: '"e1"' } }

interface Scripted { readonly store: SegmentStore, readonly server: ScriptedServer, readonly signatures: () => Signature[] }

async function scripted (t: TestContext, answers: readonly ScriptedAnswer[]): Promise<Scripted> {
  const server = await scriptedServer(t, answers)
  const store = createS3SegmentStore({
    bucket: 'bucket', endpoint: server.endpoint, region: 'eu-north-1', credentials: { accessKeyId: 'AKID', secretAccessKey }
  })
  t.after(() => { store.close() })
  return { store, server, signatures: () => server.requests.map((request) => readSignature(request, secretAccessKey)) }
}

function failsWith (failure: StoreFailure, effect: 'none' | 'unknown') {
  return (error: unknown): boolean => {
    assert.ok(error instanceof StoreError)
    assert.deepEqual({ failure: error.failure, effect: error.effect }, { failure, effect })
    return true
  }
}

function cutToSeconds (ms: number): number {
  return ms - ms % 1_000
}

// A writer is paused between reserving and putting, or between two attempts. Readers have judged its range
// dead by then and gone on; signed with the current time, its put would land where nobody looks any more (log §3.2).
describe('the deadline of a put is in its signature', () => {
  test('which is that of the reservation, whenever the put is sent', async (t) => {
    const { store, server, signatures } = await scripted(t, [s3Error(500, 'InternalError'), ok])
    const reservedAt = Date.now() - 5 * minute - 123
    await assert.rejects(store.putIfAbsent('t', 1, object, { reservedAtMs: reservedAt }), failsWith('unavailable', 'unknown'))
    assert.equal(await store.putIfAbsent('t', 1, object, { reservedAtMs: reservedAt }), 'created')
    assert.deepEqual(signatures().map(({ date, valid }) => ({ date, valid })), Array(2).fill({
      date: cutToSeconds(reservedAt),
      valid: true
    }))
    for (const { headers } of server.requests) {
      assert.deepEqual(Object.keys(headers).filter((name) => name.includes('reserved')), [], 'the date travels in no header of its own')
      assert.equal(headers['if-none-match'], '*')
    }
  })

  test('a reservation of yesterday before midnight is signed with yesterday\'s key', async (t) => {
    const { store, signatures } = await scripted(t, [ok])
    const reservedAt = Date.parse('2026-01-31T23:59:58.900Z')
    assert.equal(await store.putIfAbsent('t', 1, object, { reservedAtMs: reservedAt }), 'created')
    const [signature] = signatures()
    assert.deepEqual({ date: signature?.date, valid: signature?.valid }, { date: cutToSeconds(reservedAt), valid: true })
  })

  test('a seal is signed with the current time', async (t) => {
    const { store, signatures } = await scripted(t, [ok])
    await store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now() - 5 * minute })
    await store.putIfAbsent('t', 2, object, { reservedAtMs: null })
    const seal = signatures()[1]
    assert.ok(seal !== undefined && seal.valid && Math.abs(seal.date - Date.now()) < 5_000)
  })

  test('the SDK\'s correction of a wrong local clock moves seals, not the reservation\'s date', async (t) => {
    const theirs = Date.now() + 60 * minute
    const { store, signatures } = await scripted(t, [{ status: 200, body: emptyList, date: theirs }, { ...ok, date: theirs }])
    await store.list('t', 1, 1)
    const reservedAt = theirs - minute
    await store.putIfAbsent('t', 1, object, { reservedAtMs: reservedAt })
    await store.putIfAbsent('t', 2, object, { reservedAtMs: null })
    const [, put, seal] = signatures()
    assert.deepEqual({ date: put?.date, valid: put?.valid }, { date: cutToSeconds(reservedAt), valid: true })
    assert.ok(seal !== undefined && seal.valid && Math.abs(seal.date - theirs) < 5_000, 'a seal is signed with the store\'s time')
  })
})

describe('the store refuses what is too old', () => {
  test('and nothing was written', async (t) => {
    const { store, server } = await scripted(t, [s3Error(403, 'RequestTimeTooSkewed')])
    await assert.rejects(store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now() }), failsWith('expired', 'none'))
    assert.equal(server.requests.length, 1)
  })

  test('the same refusal of a seal only means that the local clock is wrong', async (t) => {
    const { store } = await scripted(t, [s3Error(403, 'RequestTimeTooSkewed')])
    await assert.rejects(store.putIfAbsent('t', 1, object, { reservedAtMs: null }), failsWith('unavailable', 'none'))
  })
})

// Stores that do not look at a signature's age get the same rule from the adapter, by the store's own clock.
describe('the adapter refuses what is too old by the store\'s clock', () => {
  const listAt = (date: number): ScriptedAnswer => ({ status: 200, body: emptyList, date })

  test('although the local clock says that it is young', async (t) => {
    const { store, server } = await scripted(t, [listAt(Date.now() + PUT_ACCEPTED_MS + minute), ok])
    await store.list('t', 1, 1)
    await assert.rejects(store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now() }), failsWith('expired', 'none'))
    assert.equal(server.requests.length, 1, 'the put was not sent')
    assert.equal(await store.putIfAbsent('t', 1, object, { reservedAtMs: null }), 'created')
  })

  test('and takes what is young by it, although the local clock says that it is old', async (t) => {
    const theirs = Date.now() - PUT_ACCEPTED_MS - minute
    const { store } = await scripted(t, [listAt(theirs), ok])
    await store.list('t', 1, 1)
    assert.equal(await store.putIfAbsent('t', 1, object, { reservedAtMs: theirs - minute }), 'created')
  })

  test('and decides nothing before the first answer', async (t) => {
    const { store } = await scripted(t, [ok])
    assert.equal(await store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now() - PUT_ACCEPTED_MS - minute }), 'created')
  })

  test('before each attempt anew', async (t) => {
    const late: ScriptedAnswer = { ...s3Error(500, 'InternalError'), date: Date.now() + PUT_ACCEPTED_MS + minute }
    const { store, server } = await scripted(t, [late, ok])
    const reservedAt = Date.now()
    await assert.rejects(store.putIfAbsent('t', 1, object, { reservedAtMs: reservedAt }), failsWith('unavailable', 'unknown'))
    await assert.rejects(store.putIfAbsent('t', 1, object, { reservedAtMs: reservedAt }), failsWith('expired', 'none'))
    assert.equal(server.requests.length, 1)
  })

  // By as much later the store would take the put: after readers have passed over its range.
  test('and a reservation from its future: the two services\' clocks do not agree', async (t) => {
    const { store, server } = await scripted(t, [listAt(Date.now()), ok])
    await store.list('t', 1, 1)
    await assert.rejects(store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now() + 5 * minute }), failsWith('misconfigured', 'none'))
    assert.equal(server.requests.length, 1, 'the put was not sent')
    assert.equal(await store.putIfAbsent('t', 1, object, { reservedAtMs: Date.now() + 3 * minute }), 'created')
  })
})
