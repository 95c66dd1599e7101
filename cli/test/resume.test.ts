import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFileSync, createWriteStream, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultRule } from '../../clients/suite/proxy.ts'
import { Service } from '../../clients/suite/service.ts'
import { eventually } from './support/eventually.ts'
import { endOf, linesOf, Streams, withServer } from './support/streams.ts'

const count = 60_000
/** So that there is time to interrupt: about three seconds for all lines. */
const slow: readonly FaultRule[] = [{ fault: 'delay', rate: 1, ms: 500, on: 'produce' }]

/** Lines that tell which one they are. */
function writeLines (path: string, from: number, to: number): void {
  appendFileSync(path, Array.from({ length: to - from + 1 }, (_, index) => `{"n":${from + index},"text":"${'x'.repeat(50)}"}\n`).join(''))
}

async function numbersIn (streams: Streams, topic: string): Promise<number[]> {
  return linesOf(await streams.ok(['consume', topic, '--select', 'payload.n'])).map(Number)
}

function assertAll (numbers: readonly number[], most: number): void {
  assert.equal(numbers.length, most)
  assert.ok(numbers.every((number, index) => number === index + 1))
}

test('a file whose sender is killed again and again, and whose server, too, is stored without a double or a gap', async (t) => {
  const service = await Service.start()
  t.after(() => service.close())
  const streams = new Streams(t, { STREAMS_URL: service.url })
  writeLines(join(streams.home, 'a.ndjson'), 1, count)
  const send = ['produce', 'a', '--file', 'a.ndjson', '--resume', '--json']
  service.proxy.rules = slow
  for (let killed = 1, end = 1; killed <= 4; killed++) {
    const running = streams.start(send)
    await eventually(async () => await endOf(service.url, 'a') > end)
    running.child.kill('SIGKILL')
    assert.equal((await running.ended).code, 137)
    if (killed === 2) {
      await service.kill()
      await service.begin()
    }
    end = await endOf(service.url, 'a')
  }
  service.proxy.rules = []
  const { code, stdout, stderr } = await streams.run(send)
  assert.equal(code, 0, stderr)
  const { count: stored, resumed_after: after } = JSON.parse(stdout) as { count: number, resumed_after: number }
  assert.ok(after > 0)
  assert.equal(stored + after, count)
  assertAll(await numbersIn(streams, 'a'), count)

  const again = await streams.run(send)
  assert.deepEqual([again.code, JSON.parse(again.stdout)], [0, { topic: 'a', count: 0, resumed_after: count }])
  assert.match(again.stderr, /all 60,000 messages were stored by an earlier run/)
})

test('answers that are lost on the way do not double the lines of a file', async (t) => {
  const service = await Service.start({ seed: 7 })
  t.after(() => service.close())
  const streams = new Streams(t, { STREAMS_URL: service.url })
  writeLines(join(streams.home, 'a.ndjson'), 1, 20_000)
  service.proxy.rules = [{ fault: 'drop', rate: 0.2 }, { fault: 'refuse', rate: 0.1 }, { fault: 'delay', rate: 0.3, ms: 50 }]
  await streams.ok(['produce', 'a', '--file', 'a.ndjson', '-q'])
  service.proxy.rules = []
  assert.ok(service.proxy.happened['drop']! > 0)
  assertAll(await numbersIn(streams, 'a'), 20_000)
})

/** A run that was interrupted somewhere in its file. */
async function interrupted (t: TestContext): Promise<{ readonly streams: Streams, readonly file: string }> {
  const service = await Service.start()
  t.after(() => service.close())
  const streams = new Streams(t, { STREAMS_URL: service.url })
  const file = join(streams.home, 'a.ndjson')
  writeLines(file, 1, count)
  service.proxy.rules = slow
  const running = streams.start(['produce', 'a', '--file', 'a.ndjson'])
  await eventually(async () => await endOf(service.url, 'a') > 1)
  running.child.kill('SIGINT')
  const { code, stderr } = await running.ended
  service.proxy.rules = []
  assert.equal(code, 130)
  assert.match(stderr, /a\.ndjson: [\d,]+ messages up to line [\d,]+ are stored, then it was interrupted\n/)
  assert.match(stderr, /try: streams produce a --file a\.ndjson --resume/)
  return { streams, file }
}

test('a file that was interrupted is neither sent twice nor changed unnoticed', async (t) => {
  const { streams, file } = await interrupted(t)
  const twice = await streams.run(['produce', 'a', '--file', 'a.ndjson'])
  assert.equal(twice.code, 2)
  assert.match(twice.stderr, /an earlier run was interrupted.*\n.*--resume.*--restart/)

  const other = await streams.run(['produce', 'a', '--file', 'a.ndjson', '--resume', '--key', 'k'])
  assert.equal(other.code, 2)
  assert.match(other.stderr, /--resume: expected the same/)

  const whole = readFileSync(file, 'utf8')
  writeFileSync(file, whole.replace('"n":3,', '"n":0,'))
  const changed = await streams.run(['produce', 'a', '--file', 'a.ndjson', '--resume'])
  assert.equal(changed.code, 2)
  assert.match(changed.stderr, /the file was changed/)

  // What is behind may be mended and added.
  writeFileSync(file, whole)
  writeLines(file, count + 1, count + 10)
  await streams.ok(['produce', 'a', '--file', 'a.ndjson', '--resume'])
  assertAll(await numbersIn(streams, 'a'), count + 10)

  await streams.ok(['produce', 'a', '--file', 'a.ndjson', '--restart'])
  assert.equal((await numbersIn(streams, 'a')).length, 2 * count + 20)
})

test('a wrong line stops a file there; it can be mended and sent on', async (t) => {
  const { streams } = await withServer(t)
  const file = join(streams.home, 'a.ndjson')
  writeLines(file, 1, 2_500)
  appendFileSync(file, 'oops\n')
  writeLines(file, 2_501, 3_000)
  const wrong = await streams.run(['produce', 'a', '--file', 'a.ndjson'])
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /a\.ndjson:2501: expected JSON, got oops; 2,000 messages up to line 2,000 are stored\n/)
  assert.match(wrong.stderr, /correct the line, then: streams produce a --file a\.ndjson --resume/)
  assertAll(await numbersIn(streams, 'a'), 2_000)
  // This run sends nothing.
  const again = await streams.run(['produce', 'a', '--file', 'a.ndjson', '--resume', '--json', '-q'])
  assert.equal(again.code, 2)
  assert.equal((JSON.parse(again.stderr) as { error: { stored: number } }).error.stored, 2_000)
  writeFileSync(file, readFileSync(file, 'utf8').replace('oops\n', ''))
  await streams.ok(['produce', 'a', '--file', 'a.ndjson', '--resume'])
  assertAll(await numbersIn(streams, 'a'), 3_000)
})

test('a file that was sent and replaced by another one of the same size is not taken for stored', async (t) => {
  const { streams } = await withServer(t)
  const file = join(streams.home, 'a.ndjson')
  const send = ['produce', 'a', '--file', 'a.ndjson', '--resume']
  writeLines(file, 1, 2_500)
  await streams.ok(send)
  const sent = readFileSync(file, 'utf8')
  assert.match((await streams.run(send)).stderr, /all 2,500 messages were stored by an earlier run/)
  for (const other of [sent.replace('"n":2500,', '"n":9999,'), sent.replace('"n":2500,', '"n":oops,')]) {
    assert.notEqual(other, sent)
    writeFileSync(file, other)
    const { code, stderr } = await streams.run(send)
    assert.equal(code, 2, stderr)
    assert.match(stderr, /a\.ndjson: the file was changed since it was sent.*\n.*put the old file back; or add --restart/)
  }
  writeFileSync(file, sent)
  await streams.ok(send)
  assertAll(await numbersIn(streams, 'a'), 2_500)
})

test('--resume tells if no earlier run is known, and knows one whichever way the address is written', async (t) => {
  const { streams, url } = await withServer(t)
  const send = ['produce', 'a', '--file', 'a.ndjson', '--resume', '--json', '-q']
  writeLines(join(streams.home, 'a.ndjson'), 1, 10)
  const first = await streams.run(send)
  assert.deepEqual([first.code, JSON.parse(first.stdout)], [0, { topic: 'a', offset: 1, last_offset: 10, count: 10, earlier_run: false }])
  assert.match(first.stderr, /^warning: a\.ndjson: no earlier run that sent this file to a at http.* is known here: it begins at line 1\n$/)
  const again = await streams.run([...send, '--url', `${url.replace('http', 'HTTP')}/`])
  assert.deepEqual([again.code, again.stderr, JSON.parse(again.stdout)], [0, '', { topic: 'a', count: 0, resumed_after: 10 }])
})

/** As if a state were so old. */
function makeOld (streams: Streams, days: number): void {
  const folder = join(streams.home, '.local/state/streams')
  const time = Date.now() / 1_000 - days * 86_400
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), time, time)
}

test('an interrupted run that is too old is called so, with --resume and without', async (t) => {
  const { streams } = await withServer(t)
  writeLines(join(streams.home, 'a.ndjson'), 1, 1_000)
  appendFileSync(join(streams.home, 'a.ndjson'), '1\noops\n')
  await streams.run(['produce', 'a', '--file', 'a.ndjson'])
  for (const days of [8, 400]) {
    for (const more of [[], ['--resume'], ['--resume']]) {
      makeOld(streams, days)
      const { code, stderr } = await streams.run(['produce', 'a', '--file', 'a.ndjson', ...more])
      assert.equal(code, 2, stderr)
      assert.match(stderr, /the earlier run is older than 7 days.*it has stored 1,000 messages up to line 1,000\n.*--restart/)
    }
  }
  assertAll(await numbersIn(streams, 'a'), 1_000)
})

test('a topic that was deleted is not filled from the middle of a file', async (t) => {
  const { streams } = await interrupted(t)
  await streams.ok(['topics', 'rm', 'a', '--yes'])
  const { code, stderr } = await streams.run(['produce', 'a', '--file', 'a.ndjson', '--resume'])
  assert.equal(code, 6)
  assert.match(stderr, /the service does not know this run any more/)
})

const withoutMemory = process.env['STREAMS_MEMORY'] === undefined && 'set STREAMS_MEMORY=1'

test('a million lines need at most 150 MiB of memory', { skip: withoutMemory }, async (t) => {
  const { streams } = await withServer(t)
  const path = join(streams.home, 'a.ndjson')
  const file = createWriteStream(path)
  for (let n = 1; n <= 1_000_000; n++) if (!file.write(`{"n":${n},"text":"${'x'.repeat(80)}"}\n`)) await once(file, 'drain')
  await new Promise((resolve) => { file.end(resolve) })
  const running = streams.start(['produce', 'a', '--file', 'a.ndjson', '--json'])
  let peakKiB = 0
  while (running.child.exitCode === null) {
    try {
      peakKiB = Math.max(peakKiB, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.child.pid}/status`, 'utf8'))?.[1] ?? 0))
    } catch {}
    await sleep(20)
  }
  const { code, stdout } = await running.ended
  assert.deepEqual([code, (JSON.parse(stdout) as { count: number }).count], [0, 1_000_000])
  t.diagnostic(`${Math.round(peakKiB / 1024)} MiB`)
  assert.ok(peakKiB > 0 && peakKiB <= 150 * 1024)
})
