import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Answer, ask, assertProblem, consume, produce, send } from '../support/http/requests.ts'
import type { Subject } from './http.suite.ts'

const most = Number.MAX_SAFE_INTEGER
const idExpected = 'producer.id: expected a string of 1 to 256 bytes, got'
const epochExpected = `producer.epoch: expected a whole number from 0 to ${most}, got`
const seqExpected = `producer.seq: expected a whole number from 0 to ${most}, got`
const offsetExpected = `expected_offset: expected a whole number from 1 to ${most}, got`
const orderExpected = 'order: expected a string of 1 to 256 bytes, got'
const conditions = 'producer, expected_offset, close, order'

/** What stands beside the payload, as JSON text. */
const badMembers: Record<string, [members: string, detail: string]> = {
  'a producer that is a number': ['"producer":1', 'producer: expected an object with id, epoch and seq, got 1'],
  'a producer that is null': ['"producer":null', 'producer: expected an object with id, epoch and seq, got null'],
  'a producer that is an array': ['"producer":[{"id":"a"}]', 'producer: expected an object with id, epoch and seq, got an array'],
  'a producer without an id': ['"producer":{"epoch":0,"seq":0}', `${idExpected} nothing`],
  'a producer without an epoch': ['"producer":{"id":"a","seq":0}', `${epochExpected} nothing`],
  'a producer without a seq': ['"producer":{"id":"a","epoch":0}', `${seqExpected} nothing`],
  'an empty id': ['"producer":{"id":"","epoch":0,"seq":0}', `${idExpected} ""`],
  'an id that is too long': [`"producer":{"id":"${'é'.repeat(128)}x","epoch":0,"seq":0}`, `${idExpected} 257 bytes`],
  'an id that is a number': ['"producer":{"id":7,"epoch":0,"seq":0}', `${idExpected} 7`],
  'an id with half a character': ['"producer":{"id":"a\\ud800","epoch":0,"seq":0}', `${idExpected} half of a surrogate pair in "a\\ud800"`],
  'an id with two halves in the wrong order': [
    '"producer":{"id":"\\udc00\\ud800","epoch":0,"seq":0}', `${idExpected} half of a surrogate pair in "\\udc00\\ud800"`
  ],
  'a negative epoch': ['"producer":{"id":"a","epoch":-1,"seq":0}', `${epochExpected} -1`],
  'an epoch that is text': ['"producer":{"id":"a","epoch":"0","seq":0}', `${epochExpected} "0"`],
  'half a seq': ['"producer":{"id":"a","epoch":0,"seq":0.5}', `${seqExpected} 0.5`],
  'a seq above all': ['"producer":{"id":"a","epoch":0,"seq":9007199254740993}', `${seqExpected} 9007199254740992`],
  'an unknown member of a producer': [
    '"producer":{"id":"a","epoch":0,"seq":0,"name":1}', 'producer.name: expected one of id, epoch, seq, got an unknown member'
  ],
  'two ids': ['"producer":{"id":"a","i\\u0064":"b","epoch":0,"seq":0}', 'producer.id: expected once, got twice'],
  'two producers': [
    '"producer":{"id":"a","epoch":0,"seq":0},"producer":{"id":"a","epoch":0,"seq":0}', 'producer: expected once, got twice'
  ],
  'an expected offset of 0': ['"expected_offset":0', `${offsetExpected} 0`],
  'an expected offset that is text': ['"expected_offset":"1"', `${offsetExpected} "1"`],
  'half an expected offset': ['"expected_offset":1.5', `${offsetExpected} 1.5`],
  'close that is 1': ['"close":1', 'close: expected true or false, got 1'],
  'close that is text': ['"close":"true"', 'close: expected true or false, got "true"'],
  'an empty order': ['"order":""', `${orderExpected} ""`],
  'an order that is too long': [`"order":"${'x'.repeat(257)}"`, `${orderExpected} 257 bytes`],
  'an order that is a number': ['"order":1', `${orderExpected} 1`],
  'an order with half a character': ['"order":"\\udc00a"', `${orderExpected} half of a surrogate pair in "\\udc00a"`],
  'two orders': ['"order":"a","order":"b"', 'order: expected once, got twice']
}

const count = `a whole number from 0 to ${most}, got`
const ascii = '1 to 256 printable ASCII characters, got'

const badHeaders: Record<string, [headers: Record<string, string>, detail: string]> = {
  'an empty key': [{ 'idempotency-key': '' }, `idempotency-key: expected ${ascii} ""`],
  'a key that is too long': [{ 'idempotency-key': 'k'.repeat(257) }, `idempotency-key: expected ${ascii} "${'k'.repeat(60)}…"`],
  'an id that is too long': [
    { 'producer-id': 'k'.repeat(257), 'producer-epoch': '0', 'producer-seq': '0' }, `producer-id: expected ${ascii} "${'k'.repeat(60)}…"`
  ],
  'a negative epoch': [{ 'producer-id': 'a', 'producer-epoch': '-1', 'producer-seq': '0' }, `producer-epoch: expected ${count} "-1"`],
  'a seq in words': [{ 'producer-id': 'a', 'producer-epoch': '0', 'producer-seq': 'one' }, `producer-seq: expected ${count} "one"`],
  'a seq above all': [
    { 'producer-id': 'a', 'producer-epoch': '0', 'producer-seq': '9007199254740992' }, `producer-seq: expected ${count} "9007199254740992"`
  ],
  'an id alone': [{ 'producer-id': 'a' }, 'producer-epoch: expected this header because of producer-id, got none'],
  'no id': [{ 'producer-epoch': '0', 'producer-seq': '0' }, 'producer-id: expected this header because of producer-epoch, got none'],
  'no seq': [{ 'producer-id': 'a', 'producer-epoch': '0' }, 'producer-seq: expected this header because of producer-id, got none'],
  'an expected offset of 0': [{ 'expected-offset': '0' }, `expected-offset: expected a whole number from 1 to ${most}, got "0"`],
  'Close-Topic: yes': [{ 'close-topic': 'yes' }, 'close-topic: expected true or false, got "yes"'],
  'an order that is too long': [{ order: 'o'.repeat(257) }, `order: expected ${ascii} "${'o'.repeat(60)}…"`],
  'a key beside a producer': [
    { 'idempotency-key': 'k', 'producer-id': 'a', 'producer-epoch': '0', 'producer-seq': '0' },
    'idempotency-key: expected this header or a producer, got both'
  ]
}

export async function conditionalAppends (t: TestContext, subject: Subject): Promise<void> {
  await producers(t, subject)
  await keys(t, subject)
  await halfCharacters(t, subject)
  await expectedOffsets(t, subject)
  await orders(t, subject)
  await closing(t, subject)
  await closedTopics(t, subject)
  await badInput(t, subject)
}

function lines (baseUrl: string, topic: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(baseUrl, {
    method: 'POST', path: `/topics/${topic}/produce`, headers: { 'content-type': 'application/x-ndjson', ...headers }, body
  })
}

function json (baseUrl: string, topic: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(baseUrl, {
    method: 'POST',
    path: `/topics/${topic}/produce`,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body)
  })
}

async function payloads (baseUrl: string, topic: string): Promise<unknown[]> {
  const { messages } = JSON.parse((await consume(baseUrl, topic, '?limit=100')).text) as { messages: Array<{ payload: unknown }> }
  return messages.map(({ payload }) => payload)
}

async function producers (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('an append of a producer is stored once, and a repeat gets the first answer', async () => {
    const name = topic()
    const producer = (seq: number, epoch = 0): object => ({ id: 'billing-1 é', epoch, seq })
    const first = { payload: 'a', producer: producer(0) }
    assert.equal((await json(baseUrl, name, first)).text, `{"topic":"${name}","offset":1}`)
    for (let i = 0; i < 2; i++) assert.equal((await json(baseUrl, name, first)).text, `{"topic":"${name}","offset":1,"duplicate":true}`)
    const batch = { messages: [{ payload: 'b' }, { payload: 'c' }], producer: producer(1) }
    assert.equal((await json(baseUrl, name, batch)).text, `{"topic":"${name}","offset":2,"last_offset":3,"count":2}`)
    assert.equal((await json(baseUrl, name, batch)).text, `{"topic":"${name}","offset":2,"last_offset":3,"count":2,"duplicate":true}`)
    assertProblem(await json(baseUrl, name, { ...batch, messages: [{ payload: 'b' }, { payload: 'd' }] }), 'idempotency_conflict',
      'producer.seq: expected the messages that came with it first, got others', { offset: 2, written: 'no' })
    assertProblem(
      await json(baseUrl, name, { payload: 'e', producer: producer(3) }),
      'producer_gap',
      'producer.seq: expected 2, got 3',
      { expected_seq: 2, written: 'no' }
    )
    assert.equal((await json(baseUrl, name, { payload: 'f', producer: producer(0, 1) })).text, `{"topic":"${name}","offset":4}`)
    assertProblem(await json(baseUrl, name, { payload: 'g', producer: producer(2) }), 'producer_fenced',
      'producer.epoch: expected at least 1: another instance of this producer has begun it', { epoch: 1, written: 'no' })
    assert.deepEqual(await payloads(baseUrl, name), ['a', 'b', 'c', 'f'])
  })

  await t.test('a seq that was used long ago is not told to be written', async () => {
    const name = topic()
    for (let seq = 0; seq < 7; seq++) {
      assert.equal((await json(baseUrl, name, { payload: seq, producer: { id: 'a', epoch: 0, seq } })).status, 200)
    }
    assertProblem(await json(baseUrl, name, { payload: 0, producer: { id: 'a', epoch: 0, seq: 0 } }), 'producer_seq_old',
      'producer.seq: 0 was used before, and its outcome is not known any more', 'unknown')
    assert.equal(
      (await json(baseUrl, name, { payload: 2, producer: { id: 'a', epoch: 0, seq: 2 } })).text,
      `{"topic":"${name}","offset":3,"duplicate":true}`
    )
  })

  await t.test('for lines, the producer is in headers; it is the same one', async () => {
    const name = topic()
    const headers = { 'producer-id': 'a', 'producer-epoch': '0', 'producer-seq': '0' }
    const answer = `{"topic":"${name}","offset":1,"last_offset":2,"count":2`
    assert.equal((await lines(baseUrl, name, '{"payload":1}\n{"payload":2}\n', headers)).text, answer + '}')
    assert.equal((await lines(baseUrl, name, '{"payload":1}\n{"payload":2}\n', headers)).text, answer + ',"duplicate":true}')
    const body = { messages: [{ payload: 1 }, { payload: 2 }], producer: { id: 'a', epoch: 0, seq: 0 } }
    assert.equal((await json(baseUrl, name, body)).text, answer + ',"duplicate":true}')
    assertProblem(
      await json(baseUrl, name, body, headers), 'invalid_request', 'producer-id: expected this header or the member producer, got both'
    )
    assertProblem(
      await json(baseUrl, name, body, { 'idempotency-key': 'k' }),
      'invalid_request',
      'idempotency-key: expected this header or a producer, got both'
    )
  })

  await t.test('appends of a producer that are sent at once are all stored, in their order', async () => {
    const name = topic()
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, seq) => json(baseUrl, name, { payload: seq, producer: { id: 'a', epoch: 0, seq } }))
    )
    assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(200), answers.find(({ status }) => status !== 200)?.text)
    assert.deepEqual(await payloads(baseUrl, name), Array.from({ length: 10 }, (_, n) => n))
  })
}

async function keys (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('an append with an Idempotency-Key is stored once', async () => {
    const name = topic()
    const key = { 'idempotency-key': 'order 4711/a~' }
    assert.equal((await json(baseUrl, name, { payload: 'a' }, key)).text, `{"topic":"${name}","offset":1}`)
    assert.equal((await json(baseUrl, name, { payload: 'a' }, key)).text, `{"topic":"${name}","offset":1,"duplicate":true}`)
    assertProblem(await json(baseUrl, name, { payload: 'b' }, key), 'idempotency_conflict',
      'idempotency-key: expected the messages that came with it first, got others', { offset: 1, written: 'no' })
    assert.equal(
      (await lines(baseUrl, name, '{"payload":"b"}', { 'idempotency-key': 'k'.repeat(256) })).text,
      `{"topic":"${name}","offset":2,"last_offset":2,"count":1}`
    )
    assert.equal(
      (await lines(baseUrl, name, '{"payload":"b"}', { 'idempotency-key': 'k'.repeat(256) })).text,
      `{"topic":"${name}","offset":2,"last_offset":2,"count":1,"duplicate":true}`
    )
    const copies = await Promise.all(Array.from({ length: 8 }, () => json(baseUrl, name, { payload: 'c' }, { 'idempotency-key': 'c' })))
    for (const { status, text } of copies) assert(status === 200 && text.startsWith(`{"topic":"${name}","offset":`), text)
    assert.deepEqual(await payloads(baseUrl, name), ['a', 'b', 'c'])
    assert.equal(new Set(copies.map(({ text }) => (JSON.parse(text) as { offset: number }).offset)).size, 1)
  })
}

async function halfCharacters (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('messages whose keys have halves of different surrogate pairs are not the same', async () => {
    const name = topic()
    const body = (key: string): string => `{"payload":1,"key":"${key}"}`
    const message = (key: string): string => `{"payload":1,"key":"${key}","producer":{"id":"a","epoch":0,"seq":0}}`
    const append = (body: string, headers = {}): Promise<Answer> => ask(baseUrl, {
      method: 'POST', path: `/topics/${name}/produce`, headers: { 'content-type': 'application/json', ...headers }, body
    })
    const key = { 'idempotency-key': 'k' }
    assert.equal((await append(body('\\ud800'), key)).status, 200)
    assert.equal((await append(message('\\ud800'))).status, 200)
    for (const other of ['\\ud801', '\\udc00', '\\ufffd']) {
      for (const answer of [await append(body(other), key), await append(message(other))]) {
        assert.equal((JSON.parse(answer.text) as { code: string }).code, 'idempotency_conflict', other)
      }
    }
    for (const answer of [await append(body('\\ud800'), key), await append(message('\\ud800'))]) {
      assert.equal((JSON.parse(answer.text) as { duplicate: boolean }).duplicate, true)
    }
  })
}

async function expectedOffsets (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('expected_offset: of any number of appends one is stored, and the others hear where the topic ends', async () => {
    const name = topic()
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => json(baseUrl, name, { payload: n, expected_offset: 1 })))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array<number>(7).fill(409)])
    const detail = 'expected_offset: expected 2, the end of the topic, got 1'
    for (const answer of answers) if (answer.status === 409) assertProblem(answer, 'offset_mismatch', detail, { end: 2, written: 'no' })
    assert.equal(
      (await json(baseUrl, name, { messages: [{ payload: 'a' }, { payload: 'b' }], expected_offset: 2 })).text,
      `{"topic":"${name}","offset":2,"last_offset":3,"count":2}`
    )
    assert.equal(
      (await lines(baseUrl, name, '{"payload":"c"}', { 'expected-offset': '4' })).text,
      `{"topic":"${name}","offset":4,"last_offset":4,"count":1}`
    )
    assertProblem(await lines(baseUrl, name, '{"payload":"d"}', { 'expected-offset': '4' }), 'offset_mismatch',
      'expected_offset: expected 5, the end of the topic, got 4', { end: 5, written: 'no' })
    // A repeat is answered before the offset is judged.
    const repeated = { payload: 'e', expected_offset: 5, producer: { id: 'a', epoch: 0, seq: 0 } }
    assert.equal((await json(baseUrl, name, repeated)).text, `{"topic":"${name}","offset":5}`)
    assert.equal((await json(baseUrl, name, repeated)).text, `{"topic":"${name}","offset":5,"duplicate":true}`)
  })
}

async function orders (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('order: only what is above the last one is stored', async () => {
    const name = topic()
    assert.equal((await json(baseUrl, name, { payload: 1, order: 'b' })).text, `{"topic":"${name}","offset":1}`)
    for (const order of ['b', 'a', 'B']) {
      assertProblem(
        await json(baseUrl, name, { payload: 2, order }),
        'out_of_order',
        `order: expected a string above "b", got "${order}"`,
        { order: 'b', written: 'no' }
      )
    }
    assert.equal((await json(baseUrl, name, { payload: 3 })).text, `{"topic":"${name}","offset":2}`)
    assert.equal(
      (await lines(baseUrl, name, '{"payload":4}', { order: 'b0' })).text, `{"topic":"${name}","offset":3,"last_offset":3,"count":1}`
    )
    assert.equal((await json(baseUrl, name, { payload: 5, order: 'é' })).status, 200)
  })
}

async function closing (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('close: with a last append, and again by a repeat of it', async () => {
    const name = topic()
    const last = { payload: 'last', close: true, producer: { id: 'a', epoch: 0, seq: 0 } }
    assert.equal((await json(baseUrl, name, { payload: 'first', close: false })).text, `{"topic":"${name}","offset":1}`)
    assert.equal((await json(baseUrl, name, last)).text, `{"topic":"${name}","offset":2,"closed":true}`)
    assert.equal((await json(baseUrl, name, last)).text, `{"topic":"${name}","offset":2,"duplicate":true,"closed":true}`)
    const detail = 'The topic is closed: its last offset is 2.'
    assertProblem(await produce(baseUrl, name, '{"payload":1}'), 'topic_closed', detail, { end: 3, written: 'no' })
    assertProblem(await lines(baseUrl, name, '{"payload":1}', { 'close-topic': 'true' }), 'topic_closed', detail, { end: 3, written: 'no' })
    assert.equal((JSON.parse((await ask(baseUrl, { path: `/topics/${name}` })).text) as { closed: boolean }).closed, true)
    const other = topic()
    assert.equal(
      (await lines(baseUrl, other, '{"payload":1}', { 'close-topic': 'true' })).text,
      `{"topic":"${other}","offset":1,"last_offset":1,"count":1,"closed":true}`
    )
  })

  // The offset of such a close is 0, which counted as part of a deleted life of the topic.
  for (const deletedBefore of [false, true]) {
    await t.test(`close before the first message${deletedBefore ? ', of a topic that was deleted before' : ''}`, async () => {
      const name = topic()
      const path = `/topics/${name}`
      const create = () => ask(baseUrl, { method: 'PUT', path, headers: { 'content-type': 'application/json' }, body: '{}' })
      await create()
      if (deletedBefore) {
        await send(baseUrl, 'DELETE', path)
        await create()
      }
      const { end, closed } = JSON.parse((await send(baseUrl, 'POST', `${path}/close`)).text) as { end: number, closed: boolean }
      assert.equal(closed, true)
      const detail = `The topic is closed: its last offset is ${end - 1}.`
      assertProblem(await produce(baseUrl, name, '{"payload":1}'), 'topic_closed', detail, { end, written: 'no' })
      assert.equal((JSON.parse((await ask(baseUrl, { path })).text) as { closed: boolean }).closed, true)
      assert.equal((await consume(baseUrl, name, '?offset=earliest')).text, `{"messages":[],"next_offset":${end},"closed":true}`)
    })
  }

  await t.test('close alone: the answer is the same again; with another expected offset it is refused', async () => {
    const name = topic()
    const path = `/topics/${name}/close`
    assertProblem(await send(baseUrl, 'POST', path), 'topic_not_found', 'The topic does not exist. Create it with PUT /topics/{topic}.')
    await produce(baseUrl, name, '{"payload":1}')
    assertProblem(await send(baseUrl, 'POST', path, { expected_offset: 1 }), 'offset_mismatch',
      'expected_offset: expected 2, the end of the topic, got 1', { end: 2, written: 'no' })
    for (const body of [{ expected_offset: 2 }, undefined, {}, { expected_offset: 2 }]) {
      const { status, text } = await send(baseUrl, 'POST', path, body)
      assert.deepEqual([status, text], [200, `{"topic":"${name}","end":2,"closed":true}`])
    }
    assertProblem(
      await send(baseUrl, 'POST', path, { expected_offset: 1 }),
      'topic_closed',
      'The topic is closed: its last offset is 1.',
      { end: 2, written: 'no' }
    )
    assertProblem(await send(baseUrl, 'POST', path, { expected_offset: 0 }), 'invalid_request', `${offsetExpected} 0`)
    assertProblem(
      await send(baseUrl, 'POST', path, { offset: 1 }), 'invalid_request', 'offset: expected one of expected_offset, got an unknown member'
    )
    assert.equal((await send(baseUrl, 'DELETE', `/topics/${name}`)).status, 204)
    assert.equal((await produce(baseUrl, name, '{"payload":2}')).text, `{"topic":"${name}","offset":2}`)
  })
}

async function closedTopics (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  await t.test('a page at the end of a closed topic says so, and no other page does', async () => {
    const name = topic()
    for (let n = 1; n <= 2; n++) await produce(baseUrl, name, `{"payload":${n}}`)
    assert.equal((await consume(baseUrl, name)).headers['topic-closed'], undefined)
    await send(baseUrl, 'POST', `/topics/${name}/close`)
    const first = await consume(baseUrl, name, '?limit=1')
    assert.match(first.text, /^\{"messages":\[\{"offset":1,"payload":1,"timestamp":\d+\}\],"next_offset":2\}$/)
    assert.equal(first.headers['topic-closed'], undefined)
    const second = await consume(baseUrl, name, '?offset=2')
    assert.match(second.text, /^\{"messages":\[\{"offset":2,"payload":2,"timestamp":\d+\}\],"next_offset":3,"closed":true\}$/)
    assert.equal(second.headers['topic-closed'], 'true')
    const began = Date.now()
    for (const query of ['?offset=3', '?offset=latest', '?offset=3&wait=20']) {
      assert.equal((await consume(baseUrl, name, query)).text, '{"messages":[],"next_offset":3,"closed":true}', query)
    }
    assert(Date.now() - began < 10_000, 'a long poll does not wait')
    const page = await ask(baseUrl, { path: `/topics/${name}/consume?offset=3`, headers: { accept: 'application/x-ndjson' } })
    assert.deepEqual([page.text, page.headers['topic-closed']], ['', 'true'])
  })
}

async function badInput (t: TestContext, { baseUrl, topic }: Subject): Promise<void> {
  for (const [what, [members, detail]] of Object.entries(badMembers)) {
    await t.test(`beside a payload or messages: ${what}`, async () => {
      const name = topic()
      for (const body of [`{"payload":1,${members}}`, `{${members},"messages":[{"payload":1}]}`]) {
        assertProblem(await produce(baseUrl, name, body), 'invalid_request', detail)
      }
      assert.equal((await consume(baseUrl, name)).text, '{"messages":[],"next_offset":1}')
    })
  }

  for (const [what, [headers, detail]] of Object.entries(badHeaders)) {
    await t.test(`in headers: ${what}`, async () => {
      const name = topic()
      assertProblem(await lines(baseUrl, name, '{"payload":1}', headers), 'invalid_request', detail)
      assert.equal((await consume(baseUrl, name)).text, '{"messages":[],"next_offset":1}')
    })
  }

  await t.test('in a message of a batch, or in a line, there are no conditions', async () => {
    const name = topic()
    for (const member of conditions.split(', ')) {
      const refused = `${member}: expected one of payload, key, headers, got an unknown member`
      assertProblem(await produce(baseUrl, name, `{"messages":[{"payload":1,"${member}":1}]}`), 'invalid_request', `messages.0.${refused}`)
      assertProblem(await lines(baseUrl, name, `{"payload":1,"${member}":1}`), 'invalid_request', `line 1: ${refused}`)
    }
  })
}
