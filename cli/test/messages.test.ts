import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Service } from '../../clients/suite/service.ts'
import { eventually } from './support/eventually.ts'
import { linesOf, Streams, withServer } from './support/streams.ts'

interface Shown { readonly offset: number, readonly payload: unknown, readonly key?: string, readonly headers?: Record<string, string> }

test('produce appends arguments, with key and headers, and keeps the digits of numbers', async (t) => {
  const { streams } = await withServer(t)
  const one = await streams.ok(['produce', 'orders', '{"n":12345678901234567890}', '--key', 'c7', '-H', 'source=web', '-H', 'a=b=c'])
  assert.equal(one, '1 message in orders at offset 1\n')
  assert.deepEqual(await streams.json(['produce', 'orders', '1', '"two"']), [{ topic: 'orders', offset: 2, last_offset: 3, count: 2 }])
  assert.deepEqual(await streams.json(['produce', 'orders', 'a text', '--text']), [{ topic: 'orders', offset: 4 }])
  const lines = linesOf(await streams.ok(['consume', 'orders']))
  assert.equal(lines[0]!.replace(/"timestamp":\d+/, '"timestamp":0'),
    '{"offset":1,"payload":{"n":12345678901234567890},"timestamp":0,"key":"c7","headers":{"source":"web","a":"b=c"}}')
  assert.deepEqual(lines.slice(1).map((line) => (JSON.parse(line) as Shown).payload), [1, 'two', 'a text'])
})

test('produce stores once what is sent twice with a key, and only at the expected offset', async (t) => {
  const { streams } = await withServer(t)
  const args = ['produce', 'orders', '1', '--idempotency-key', 'order-4711']
  await streams.ok(args)
  assert.deepEqual(await streams.json(args), [{ topic: 'orders', offset: 1, duplicate: true }])
  const { code, stderr } = await streams.run(['produce', 'orders', '2', '--expected-offset', '1', '--json'])
  assert.equal(code, 6)
  assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'offset_mismatch')
})

test('produce takes lines of standard input, and says which one is wrong', async (t) => {
  const { streams } = await withServer(t)
  assert.deepEqual(await streams.json(['produce', 'a', '--key-path', 'customer.id'], {
    input: '{"customer":{"id":7}}\n\n{"customer":{"id":"x\\"y"}}\n'
  }), [{ topic: 'a', offset: 1, last_offset: 2, count: 2 }])
  assert.deepEqual((await streams.json<Shown>(['consume', 'a'])).map(({ key }) => key), ['7', 'x"y'])

  await streams.ok(['produce', 'b', '--text'], { input: 'one\r\n\nthrée' })
  assert.deepEqual(await streams.json(['consume', 'b', '--select', 'payload']), ['one', '', 'thrée'])

  // Exit code 2 says that nothing was sent.
  const first = await streams.run(['produce', 'c'], { input: 'one\n2\n' })
  assert.equal(first.code, 2)
  assert.match(first.stderr, /^streams: standard input:1: expected JSON, got one; 0 messages before are stored\n/)
  const wrong = await streams.run(['produce', 'c'], { input: '1\n2\nthree\n4\n' })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /^streams: standard input:3: expected JSON, got three; 2 messages before are stored\n {2}try: add --text/)
  assert.deepEqual(await streams.json(['consume', 'c', '--select', 'payload']), [1, 2])
  const { code, stderr } = await streams.run(['produce', 'c', '--json'], { input: '3\noops\n' })
  const { error } = JSON.parse(stderr) as { error: Record<string, unknown> }
  assert.deepEqual([code, error['exit_code'], error['code'], error['stored']], [1, 1, 'malformed_json', 1])
})

test('produce says that the last lines may be stored, if their answers are lost', async (t) => {
  const service = await Service.start()
  t.after(() => service.close())
  const streams = new Streams(t, { STREAMS_URL: service.url })
  writeFileSync(join(streams.home, 'a.ndjson'), '1\n2\n')
  await streams.ok(['produce', 'a', '1', '2'])
  service.proxy.rules = [{ fault: 'drop', rate: 1, on: 'produce' }]
  for (const [args, input] of [[['--file', 'a.ndjson'], ''], [[], '1\n2\n']] as const) {
    const send = ['produce', 'a', '--retry-for', '1s', ...args]
    const { code, stderr } = await streams.run(send, { input })
    assert.equal(code, 3, stderr)
    assert.match(stderr, /; 0 messages .*are stored\n {2}what was sent last may have been stored nevertheless\n {2}try: /)
    const json = await streams.run([...send, '--json', '-q', ...args.length > 0 ? ['--resume'] : []], { input })
    const { error } = JSON.parse(json.stderr) as { error: Record<string, unknown> }
    assert.deepEqual([error['exit_code'], error['written'], error['stored']], [3, 'unknown', 0])
  }
})

test('produce --messages takes what consume --json writes', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '{"n":1.0,"big":99999999999999999999}', '--key', 'k', '-H', 'x=y'])
  const written = await streams.ok(['consume', 'a', '--json'])
  await streams.ok(['produce', 'b', '--messages'], { input: written })
  const without = (text: string): string => text.replace(/"timestamp":\d+/, '')
  assert.equal(without(await streams.ok(['consume', 'b'])), without(written))
  for (const [line, text] of [
    ['{"key":"a"}', 'payload: expected a JSON value, it is missing'],
    ['{"payload":1,"value":2}', 'value: expected payload, key and headers only'],
    ['{"payload":1,"key":2}', 'key: expected a string, got 2'],
    ['{"payload":1,"headers":{"a":1}}', 'headers: expected an object of strings']
  ] as const) {
    const { code, stderr } = await streams.run(['produce', 'b', '--messages'], { input: line })
    assert.equal(code, 2)
    assert.ok(stderr.includes(`standard input:1: ${text}`), stderr)
  }
})

test('consume reads a part: from, since, until, limit, key, and select', async (t) => {
  const { streams } = await withServer(t)
  const lines = Array.from({ length: 2_500 }, (_, n) => `{"n":${n + 1},"who":{"names":["x${n % 2}"]}}\n`)
  writeFileSync(join(streams.home, 'a.ndjson'), lines.join(''))
  await streams.ok(['produce', 'a', '--file', 'a.ndjson', '--key-path', 'who.names[0]'])
  const offsets = async (...args: string[]): Promise<number[]> => (await streams.json<number>(['consume', 'a', '-s', 'offset', ...args]))
  assert.equal((await offsets()).length, 2_500)
  assert.deepEqual(await offsets('--from', '2400', '--limit', '2'), [2_400, 2_401])
  assert.deepEqual(await offsets('--from', '-2'), [2_499, 2_500])
  assert.deepEqual(await offsets('--from', '2', '--until', '5'), [2, 3, 4])
  assert.deepEqual(await offsets('--key', 'x1', '-n', '2'), [2, 4])
  assert.equal((await offsets('--since', '1h')).length, 2_500)
  assert.deepEqual(await offsets('--since', new Date(Date.now() + 60_000).toISOString()), [])
  assert.deepEqual(await offsets('--from', 'latest'), [])
  const columns = await streams.ok(['consume', 'a', '-n', '1', '-s', 'payload.n', '-s', '.payload.who.names[0]', '-s', 'payload.none'])
  assert.equal(columns, '1\tx0\t\n')
  assert.deepEqual(await streams.json(['consume', 'a', '-n', '1', '-s', 'payload.n', '-s', 'payload.none']), [[1, null]])
})

test('consume --follow shows what comes, and Ctrl-C ends it with 0', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '1'])
  const following = streams.start(['consume', 'a', '--follow'])
  await eventually(() => following.output.stdout.includes('"payload":1'))
  await streams.ok(['produce', 'a', '2'])
  await eventually(() => following.output.stdout.includes('"payload":2'))
  following.child.kill('SIGINT')
  const { code, stdout, stderr } = await following.ended
  assert.deepEqual([code, linesOf(stdout).length, stderr], [0, 2, ''])
})

test('consume says when there is no such topic', async (t) => {
  const { streams } = await withServer(t)
  const { code, stdout, stderr } = await streams.run(['consume', 'ordres'])
  assert.deepEqual([code, stdout], [5, ''])
  assert.match(stderr, /try: streams topics ls/)
})
