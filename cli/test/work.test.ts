import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from './support/eventually.ts'
import { linesOf, withServer } from './support/streams.ts'

function numbers (count: number): string {
  return Array.from({ length: count }, (_, n) => `${n + 1}\n`).join('')
}

function read (path: string): string[] {
  try {
    return linesOf(readFileSync(path, 'utf8'))
  } catch {
    return []
  }
}

test('work gives a command the payload, and what is known of the message in its environment', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs', '{"to":"a"}', '--key', 'k', '-H', 'a=b'])
  await streams.ok(['produce', 'jobs', '"a text"'])
  const script = 'printf "%s\\n" "$(cat)|$STREAMS_TOPIC|$STREAMS_GROUP|$STREAMS_OFFSET|$STREAMS_KEY|$STREAMS_HEADERS|$STREAMS_ATTEMPT"'
  // What the shell around has must not pass for the message's.
  const env = { STREAMS_KEY: 'old', STREAMS_HEADERS: 'old' }
  const { code, stdout, stderr } = await streams.run(['work', 'jobs', 'g', '--drain', '--text-stdin', '--', 'sh', '-c', script], { env })
  assert.equal(code, 0, stderr)
  assert.deepEqual(linesOf(stdout), ['{"to":"a"}|jobs|g|1|k|{"a":"b"}|1', 'a text|jobs|g|2|||1'])
  assert.match(stderr, /2 messages done, 0 failed, 0 dead/)
})

test('an exit code gives a message back, and makes a dead letter after the last attempt, or at once', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs'], { input: numbers(4) })
  await streams.ok(['groups', 'create', 'jobs', 'g', '--max-attempts', '2'])
  // 2 fails once, 3 always, 4 can't ever succeed.
  writeFileSync(join(streams.home, 'job.sh'), `
    read -r n
    echo "$n" >> done.txt
    [ "$n" = 4 ] && exit 65
    [ "$n" = 3 ] && exit 7
    [ "$n" = 2 ] && [ "$STREAMS_ATTEMPT" = 1 ] && exit 1
    exit 0`)
  const args = ['work', 'jobs', 'g', '--drain', '--backoff', '10ms', '--reject-on', '65', '--json', '--', 'sh', 'job.sh']
  const { code, stdout, stderr } = await streams.run(args)
  assert.equal(code, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), { topic: 'jobs', group: 'g', done: 2, failed: 4, dead: 2 })
  assert.deepEqual(read(join(streams.home, 'done.txt')).sort(), ['1', '2', '2', '3', '3', '4'])

  await eventually(async () => (await streams.json(['dlq', 'ls', 'jobs']))[0]!['letters'] === 2)
  const shown = await streams.ok(['dlq', 'show', 'jobs', 'g'])
  assert.match(shown, /offset 3 {2}given up after 2 attempts: exit code 7/)
  assert.match(shown, /offset 4 {2}rejected: exit code 65/)
  assert.deepEqual((await streams.json(['dlq', 'show', 'jobs', 'g'])).map(({ payload }) => payload).sort(), [3, 4])

  assert.deepEqual(await streams.json(['dlq', 'redrive', 'jobs', 'g', '--limit', '1']),
    [{ topic: 'jobs', group: 'g', redriven: 1, skipped: 0, trimmed: [], more: true }])
  assert.match(await streams.ok(['dlq', 'redrive', 'jobs', 'g']), /^1 message of jobs will be delivered to g again/)
  await streams.ok(['work', 'jobs', 'g', '--drain', '--', 'cat'])
  assert.equal((await streams.json(['groups', 'describe', 'jobs', 'g']))[0]!['lag'], 0)
})

test('a worker that is killed loses nothing: another one does its messages when the lease is over', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs'], { input: numbers(20) })
  const done = join(streams.home, 'done.txt')
  const job = (name: string, seconds: number): string[] => (
    ['work', 'jobs', 'g', '--lease', '2s', '-c', '2', '--', 'sh', '-c', `read -r n; sleep ${seconds}; echo "$n ${name}" >> done.txt`])
  const first = streams.start(job('first', 0.1))
  await eventually(() => read(done).length >= 4)
  first.child.kill('SIGKILL')
  await first.ended
  const second = streams.start(job('second', 0))
  await eventually(() => new Set(read(done).map((line) => line.split(' ')[0])).size === 20)
  await eventually(async () => (await streams.json(['groups', 'describe', 'jobs', 'g']))[0]!['lag'] === 0)
  second.child.kill('SIGTERM')
  assert.equal((await second.ended).code, 0)
  const lines = read(done)
  const doneBy = (name: string): string[] => lines.filter((line) => line.endsWith(name)).map((line) => line.split(' ')[0]!)
  // What the dead worker had done and not acknowledged is done again, and nothing else.
  for (const name of ['first', 'second']) assert.equal(new Set(doneBy(name)).size, doneBy(name).length)
  assert.ok(doneBy('second').length >= 20 - doneBy('first').length)
})

test('Ctrl-C lets running commands finish, gives the rest back, and a second one kills', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs'], { input: numbers(10) })
  const log = join(streams.home, 'log.txt')
  const job = 'read -r n; echo "begin $n" >> log.txt; sleep 1; echo "end $n" >> log.txt'
  const stopped = streams.start(['work', 'jobs', 'g', '-c', '2', '--', 'sh', '-c', job], { group: true })
  await eventually(() => read(log).length === 2)
  // As a terminal does: to all processes of the job.
  process.kill(-stopped.child.pid!, 'SIGINT')
  const { code, stderr } = await stopped.ended
  assert.equal(code, 0)
  assert.match(stderr, /stopping: waiting for 2 commands; a second Ctrl-C kills/)
  assert.deepEqual(read(log).sort(), ['begin 1', 'begin 2', 'end 1', 'end 2'])
  const [{ lag, inFlight, in_flight: held } = {}] = await streams.json(['groups', 'describe', 'jobs', 'g'])
  assert.deepEqual([lag, inFlight ?? held], [8, 0])

  writeFileSync(log, '')
  const killed = streams.start(['work', 'jobs', 'g', '--', 'sh', '-c', 'echo begin >> log.txt; sleep 60; echo end >> log.txt'])
  await eventually(() => read(log).length === 1)
  killed.child.kill('SIGINT')
  await eventually(() => killed.output.stderr.includes('stopping'))
  killed.child.kill('SIGINT')
  assert.equal((await killed.ended).code, 130)
  assert.deepEqual(read(log), ['begin'])
})

test('a command that takes too long is ended, and its message comes again', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs', '1'])
  const { code, stdout, stderr } = await streams.run([
    'work', 'jobs', 'g', '--timeout', '300ms', '--backoff', '10ms', '--drain', '--',
    'sh', '-c', '[ "$STREAMS_ATTEMPT" = 1 ] && sleep 60; echo "attempt $STREAMS_ATTEMPT"'
  ])
  assert.deepEqual([code, stdout], [0, 'attempt 2\n'])
  assert.match(stderr, /1 message done, 1 failed, 0 dead/)
})

test('a message whose key has a NUL is done, without the variable', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs', '--messages'], {
    input: '{"payload":1,"key":"a\\u0000b","headers":{"h":"\\u0000"}}\n{"payload":2,"key":"\\u0000"}\n{"payload":3,"key":"k"}\n'
  })
  const args = ['work', 'jobs', 'g', '--drain', '--backoff', '10ms', '--', 'sh', '-c', 'echo "$(cat)|$STREAMS_KEY|$STREAMS_HEADERS"']
  const { code, stdout, stderr } = await streams.run(args)
  assert.deepEqual([code, linesOf(stdout)], [0, ['1||{"h":"\\u0000"}', '2||', '3|k|']], stderr)
  assert.equal(stderr.split('warning: a key with a NUL character').length, 2, stderr)
})

test('a command that does not exist takes no message', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs', '1'])
  const { code, stderr } = await streams.run(['work', 'jobs', 'g', '--', './no-such-command'])
  assert.equal(code, 2)
  assert.match(stderr, /\.\/no-such-command: expected a command that can be run, there is none/)
  assert.equal((await streams.run(['groups', 'describe', 'jobs', 'g'])).code, 5)
})

test('groups are listed, moved and deleted, after a question', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'jobs'], { input: numbers(5) })
  const created = await streams.ok(['groups', 'create', 'jobs', 'g', '--mode', 'keyed', '--start', 'latest', '--lease', '1m'])
  assert.match(created, /^created: g of jobs\n/)
  assert.equal(await streams.ok(['groups', 'ls', 'jobs']), 'g\n')
  assert.match(await streams.ok(['groups', 'ls', 'jobs', '--long']), /^g {2}keyed {2}6 {2}0 {2}0 {2}0\n$/)
  const asked = await streams.run(['groups', 'seek', 'jobs', 'g', 'earliest'])
  assert.equal(asked.code, 2)
  assert.match(asked.stderr, /Move g of jobs from offset 6 to earliest\?.*\n.*add --yes/)
  assert.match(await streams.ok(['groups', 'seek', 'jobs', 'g', 'earliest', '--yes']), /goes on at offset 1/)
  assert.match(await streams.ok(['groups', 'seek', 'jobs', 'g', '--yes', '--', '-2']), /goes on at offset 4/)
  await streams.ok(['groups', 'config', 'jobs', 'g', '--max-attempts', 'unlimited'])
  assert.match(await streams.ok(['groups', 'describe', 'jobs', 'g']), /attempts +without a limit/)
  assert.equal((await streams.run(['groups', 'rm', 'jobs', 'g'])).code, 2)
  assert.equal(await streams.ok(['groups', 'rm', 'jobs', 'g', '-y']), 'deleted: g of jobs\n')
  assert.equal((await streams.run(['groups', 'describe', 'jobs', 'g'])).code, 5)
})
