import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import zlib, { gunzipSync } from 'node:zlib'
import { Service } from '../../clients/suite/service.ts'
import { eventually } from './support/eventually.ts'
import { endOf, linesOf, Streams, withServer } from './support/streams.ts'

function lines (from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => (
    `{"payload":{"n":${from + index}},"key":"k${index % 3}","headers":{"h":"${from + index}"}}\n`)).join('')
}

/** Everything but what a service gives by itself. */
async function contents (streams: Streams, topic: string): Promise<string[]> {
  return linesOf(await streams.ok(['consume', topic, '--json'])).map((line) => (
    line.replace(/^\{"offset":\d+,/, '{').replace(/"timestamp":\d+,?/, '').replace(/"origin-offset":"\d+","origin-timestamp":"\d+",?/, '')))
}

const zstd = 'createZstdCompress' in zlib

test('an export has all of a topic, and an import makes the same of it, however often it is done', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '--messages'], { input: lines(1, 2_345) })
  // Offsets are kept in the file, also where some are missing.
  await streams.ok(['topics', 'trim', 'a', '101', '--yes'])
  for (const file of ['a.ndjson', 'a.ndjson.gz', ...zstd ? ['a.ndjson.zst'] : []]) {
    assert.deepEqual(await streams.json(['export', 'a', '-o', file]), [{ topic: 'a', file, count: 2_245, last_offset: 2_345 }])
    assert.equal(existsSync(join(streams.home, `${file}.partial`)), false)
    const topic = file.replaceAll('.', '-')
    assert.deepEqual(await streams.json(['import', topic, file]), [{ topic, file, count: 2_245, last_source_offset: 2_345 }])
    assert.deepEqual(await contents(streams, topic), await contents(streams, 'a'))
    assert.deepEqual(await streams.json(['import', topic, file]), [{ topic, file, count: 0, last_source_offset: 2_345 }])
  }
  const plain = readFileSync(join(streams.home, 'a.ndjson'), 'utf8')
  assert.equal(gunzipSync(readFileSync(join(streams.home, 'a.ndjson.gz'))).toString(), plain)
  assert.equal(await streams.ok(['export', 'a', '-o', '-', '-q']), plain)
  assert.match(plain, /^\{"offset":101,"payload":\{"n":101\},"timestamp":\d+,"key":"k1","headers":\{"h":"101"\}\}\n/)

  const refused = await streams.run(['export', 'a', '-o', 'a.ndjson'])
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /expected a file that does not exist\n.*--force/)

  // What was added since, from a pipe.
  await streams.ok(['produce', 'a', '--messages'], { input: lines(2_346, 2_350) })
  const more = await streams.ok(['export', 'a', '-o', '-', '-q'])
  assert.equal((await streams.json(['import', 'a-ndjson', '-'], { input: more }))[0]!['count'], 5)
  assert.deepEqual(await contents(streams, 'a-ndjson'), await contents(streams, 'a'))
})

test('an export says that its folder is not there, or its disk full, without a trace of the program', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '1'])
  for (const file of ['none/a.ndjson', 'none/a.ndjson.gz']) {
    const { code, stderr } = await streams.run(['export', 'a', '-o', file])
    assert.deepEqual([code, stderr], [2, 'streams: none: expected a folder for the file, there is none\n  try: mkdir -p none\n'])
  }
  await streams.ok(['produce', 'b', '--text'], { input: `${'x'.repeat(500)}\n`.repeat(3_000) })
  for (const file of existsSync('/dev/full') ? ['b.ndjson', 'b.ndjson.gz'] : []) {
    symlinkSync('/dev/full', join(streams.home, `${file}.partial`))
    const { code, stderr } = await streams.run(['export', 'b', '-o', file])
    assert.deepEqual([code, stderr], [1, 'streams: the disk is full\n'])
  }
})

test('an import of a compressed file that is cut or damaged names it, and the whole file goes on', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '--messages'], { input: lines(1, 20_000) })
  for (const file of ['a.gz', ...zstd ? ['a.zst'] : []]) {
    await streams.ok(['export', 'a', '-o', file])
    const path = join(streams.home, file)
    const whole = readFileSync(path)
    const topic = file.replace('.', '-')
    for (const [bytes, text] of [
      [whole.subarray(0, whole.length - 100), /expected a whole compressed file, it is cut, its end is missing/],
      // Without its checksum; zstd has none.
      ...file === 'a.gz' ? [[Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8)]), /, it is damaged: incorrect data check/]] : []
    ] as Array<[Buffer, RegExp]>) {
      writeFileSync(path, bytes)
      const { code, stderr } = await streams.run(['import', topic, file, '-q'])
      assert.deepEqual([code, stderr.split(':')[1]], [1, ` ${file}`])
      assert.match(stderr, text)
      assert.doesNotMatch(stderr, /\n +at /)
      const piped = await streams.run(['import', topic, '-', '--json', '-q'], { input: bytes })
      const { error } = JSON.parse(piped.stderr) as { error: { code: string, message: string } }
      assert.deepEqual([piped.code, error.code, error.message.split(':')[0]], [1, 'damaged_file', 'standard input'])
    }
    writeFileSync(path, whole)
    await streams.ok(['import', topic, file])
    assert.deepEqual(await contents(streams, topic), await contents(streams, 'a'))
  }
})

test('an import says what is wrong with a file, and keeps where messages come from', async (t) => {
  const { streams } = await withServer(t)
  for (const [exit, text, error] of [
    [2, '{"payload":1}\n',
      /a\.ndjson:1: offset: expected a number above 0, got undefined; this run has stored 0 messages\n.*produce TOPIC --messages/],
    [1, '{"offset":2,"payload":1,"timestamp":5}\n{"offset":2,"payload":2}\n',
      /a\.ndjson:2: offset: expected a number above 2, got 2; this run has stored 1 message\n/]
  ] as const) {
    writeFileSync(join(streams.home, 'a.ndjson'), text)
    const { code, stderr } = await streams.run(['import', 'a', 'a.ndjson'])
    assert.equal(code, exit, stderr)
    assert.match(stderr, error)
  }
  writeFileSync(join(streams.home, 'a.ndjson'), '{"offset":7,"payload":1,"timestamp":5,"headers":{"a":"b"}}\n')
  const headersOf = async (topic: string): Promise<unknown[]> => (
    (await streams.json<{ headers?: unknown }>(['consume', topic])).map(({ headers }) => headers))
  for (const [topic, ...options] of [['b'], ['c', '--origin']] as const) {
    await streams.ok(['import', topic, 'a.ndjson', ...options])
    assert.deepEqual(await headersOf(topic), [{ a: 'b', 'origin-offset': '7', 'origin-timestamp': '5' }])
  }
  await streams.ok(['import', 'd', 'a.ndjson', '--no-origin'])
  assert.deepEqual(await headersOf('d'), [{ a: 'b' }])
  // A copy of a copy tells of the first one.
  await streams.ok(['produce', 'e', '0'])
  await streams.ok(['mirror', 'b', 'e', '--origin'])
  assert.deepEqual((await headersOf('e'))[1], { a: 'b', 'origin-offset': '7', 'origin-timestamp': '5' })
  writeFileSync(join(streams.home, 'a.ndjson'), '{"offset":7,"payload":1}\n')
  await streams.ok(['import', 'f', 'a.ndjson'])
  assert.deepEqual(await headersOf('f'), [{ 'origin-offset': '7' }])
})

test('an export and its import keep the times of messages', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '1', '2'])
  await streams.ok(['export', 'a', '-o', 'a.ndjson'])
  await streams.ok(['import', 'b', 'a.ndjson'])
  const times = await streams.json<number>(['consume', 'a', '-s', 'timestamp'])
  assert.deepEqual((await streams.json<string>(['consume', 'b', '-s', 'headers.origin-timestamp'])).map(Number), times)
})

test('a mirror that is killed again and again, through a bad network, copies each message once and in order', async (t) => {
  const { streams } = await withServer(t)
  const service = await Service.start({ seed: 3 })
  t.after(() => service.close())
  const target = new Streams(t, { STREAMS_URL: service.url })
  await streams.ok(['produce', 'a', '--messages'], { input: lines(1, 30_000) })
  service.proxy.rules = [
    { fault: 'drop', rate: 0.1, on: 'produce' }, { fault: 'refuse', rate: 0.1 }, { fault: 'delay', rate: 0.8, ms: 500 }
  ]
  const args = ['mirror', 'a', '--to', service.url]
  for (let killed = 1, end = 1; killed <= 4; killed++) {
    const running = streams.start(args)
    await eventually(async () => await endOf(service.url, 'a') > end)
    running.child.kill('SIGKILL')
    assert.equal((await running.ended).code, 137)
    end = await endOf(service.url, 'a')
  }
  await streams.ok(args)
  service.proxy.rules = []
  assert.ok(service.proxy.happened['drop']! > 0)
  assert.deepEqual(await contents(target, 'a'), await contents(streams, 'a'))
  assert.match(await streams.ok(args), /^0 messages of a in a/)
})

test('mirrors that run at one time copy each message once; the later one goes on', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '--messages'], { input: lines(1, 20_000) })
  const runs = await Promise.all([1, 2, 3].map(async () => streams.run(['mirror', 'a', 'b', '--json'])))
  assert.ok(runs.some(({ code }) => code === 0), runs.map(({ stderr }) => stderr).join('\n'))
  for (const { code, stderr } of runs.filter(({ code }) => code !== 0)) {
    assert.equal(code, 6)
    assert.match(stderr, /producer_fenced|offset_mismatch/)
  }
  assert.equal((await contents(streams, 'b')).join('\n'), (await contents(streams, 'a')).join('\n'))
})

test('mirror --follow copies what comes, until Ctrl-C', async (t) => {
  const { streams } = await withServer(t)
  const target = await withServer(t)
  await streams.ok(['produce', 'a', '--messages'], { input: lines(1, 5) })
  const following = streams.start(['mirror', 'a', 'copy-of-a', '--to', target.url, '--follow', '--origin'])
  await eventually(async () => await endOf(target.url, 'copy-of-a') === 6)
  await streams.ok(['produce', 'a', '--messages'], { input: lines(6, 9) })
  await eventually(async () => await endOf(target.url, 'copy-of-a') === 10)
  following.child.kill('SIGINT')
  const { code, stderr } = await following.ended
  assert.equal(code, 0, stderr)
  const [first] = await target.streams.json<{ payload: unknown, headers: Record<string, string> }>(['consume', 'copy-of-a'])
  assert.deepEqual([first!.payload, first!.headers['origin-offset']], [{ n: 1 }, '1'])
})

test('mirror refuses itself as its destination, a destination of another source, and one that others write with an order', async (t) => {
  const { streams, url } = await withServer(t)
  await streams.ok(['produce', 'a', '1', '2', '3'])
  await streams.ok(['produce', 'short', '1'])
  assert.equal((await streams.run(['mirror', 'a', '--to', url])).code, 2)
  assert.equal((await streams.run(['mirror', 'a', '--to', `${url}/`])).code, 2)
  await streams.ok(['mirror', 'a', 'b'])
  const other = await streams.run(['mirror', 'short', 'b'])
  assert.equal(other.code, 6)
  assert.match(other.stderr, /b has offset 3 of its source, but short ends at 2: it mirrors another topic/)

  execFileSync('curl', ['-fsS', `${url}/topics/c/produce`, '-H', 'content-type: application/json', '-d', '{"payload":1,"order":"2026"}'])
  const ordered = await streams.run(['mirror', 'a', 'c'])
  assert.equal(ordered.code, 6)
  assert.match(ordered.stderr, /c: its last append has the order "2026", which is not one of a copy/)
})
