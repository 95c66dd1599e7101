import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { createProgram } from '../src/program.ts'
import { examplesIn, leavesOf } from './support/commands.ts'
import { entry, linesOf, Streams, withServer } from './support/streams.ts'

const run = promisify(execFile)

test('each command has help with examples, and its examples are commands that exist', () => {
  const leaves = leavesOf(createProgram())
  assert.ok(leaves.length > 30)
  for (const { path, command } of leaves) {
    assert.ok(command.description().length > 5, path)
    const examples = examplesIn(command)
    assert.ok(examples.length > 0, path)
    assert.ok(examples.some((line) => line.includes(`streams ${path}`)), path)
  }
})

test('wrong commands end with 2 and say what would be right', async (t) => {
  const streams = new Streams(t)
  for (const [args, text] of [
    [['produse'], /unknown command 'produse'\n {2}try: Did you mean produce\? streams --help/],
    [['topics', 'lst'], /unknown command 'lst'\n.*streams topics --help/],
    [['topics'], /Usage: streams topics/],
    [['consume'], /missing required argument 'topic'\n {2}try: streams consume --help/],
    [['consume', 'a', 'b'], /too many arguments/],
    [['consume', 'a', '--limit', '0'], /--limit.*Expected a whole number from 1/],
    [['consume', 'a', '--from', 'x'], /Expected an offset from 1, "earliest", "latest", or -N/],
    [['consume', 'a', '--since', 'x'], /Expected a time ago such as 1h/],
    [['consume', 'a', '--from', '1', '--since', '1h'], /--from and --since: expected one of them/],
    [['consume', 'a', '--select', 'a..b'], /--select: expected a path/],
    [['produce', 'a', '1', '--header', 'x'], /Expected NAME=VALUE/],
    [['produce', 'a', '--resume'], /--resume, --restart: expected --file/],
    [['topics', 'config', 'a', '--retention', '7 days'], /Expected a time such as 500ms, 30s, 1h30m or 7d/],
    [['topics', 'trim', 'a', '0'], /Expected an offset from 1, or "end"/],
    [['groups', 'create', 'a', 'b', '--mode', 'x'], /Allowed choices are shared, keyed, exclusive/]
  ] as const) {
    const { code, stdout, stderr } = await streams.run(args)
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.equal(stdout, '')
    assert.match(stderr, text)
  }
  const json = await streams.run(['consume', '--json'])
  assert.deepEqual(JSON.parse(json.stderr), {
    error: { code: 'usage', message: "missing required argument 'topic'", exit_code: 2, hint: 'streams consume --help' }
  })
})

test('common options can stand before the command, between its words, and after them', async (t) => {
  const { streams, url } = await withServer(t)
  const env = { STREAMS_URL: 'http://127.0.0.1:2' }
  for (const args of [
    ['--url', url, 'produce', 'a', '1', '--json'],
    ['--json', `--url=${url}`, 'produce', 'a', '1'],
    ['produce', '--json', 'a', '1', '--url', url]
  ]) assert.equal((JSON.parse(await streams.ok(args, { env })) as { topic: string }).topic, 'a')
  await streams.ok(['--url', url, 'profiles', 'set', 'here'])
  await streams.ok(['profiles', '--url', 'http://127.0.0.1:2', 'set', 'nowhere'])
  const list = ['topics', 'ls']
  for (const args of [['--profile', 'here', ...list], ['topics', '--profile', 'here', 'ls'], [...list, '--profile', 'here']]) {
    assert.equal(await streams.ok(args), 'a\n')
  }
  // What stands last counts.
  assert.equal(await streams.ok(['--profile', 'nowhere', 'topics', '--profile', 'here', 'ls', '-q']), 'a\n')
  assert.equal((await streams.run(['--url', url, '--profile', 'here', ...list])).code, 2)
  const { code, stderr } = await streams.run(['--json', '-q', '--url', 'http://127.0.0.1:2', ...list])
  assert.deepEqual([code, (JSON.parse(stderr) as { error: { code: string } }).error.code], [3, 'no_answer'])
  const coloured = await streams.run(['--no-color', '--url', 'x', 'consume'], { env: { FORCE_COLOR: '1' } })
  assert.deepEqual([coloured.code, coloured.stderr],
    [2, "streams: missing required argument 'topic'\n  try: streams consume --help\n"])
  assert.match((await streams.run(['--url', 'x', 'produse'])).stderr, /Did you mean produce\? streams --help/)
  // Those of a command that is run are its own.
  await streams.ok(['work', 'a', 'g', '--drain', '--', 'sh', '-c', '[ "$1" = --url ]', 'sh', '--url'])
  assert.equal((await streams.json<{ lag: number }>(['groups', 'describe', 'a', 'g']))[0]!.lag, 0)
})

test('help and the version go to standard output, with 0', async (t) => {
  const streams = new Streams(t)
  for (const args of [['--help'], ['-h'], [], ['help', 'produce'], ['topics', '--help'], ['topics', 'ls', '--help'], ['--version']]) {
    const { code, stdout, stderr } = await streams.run(args)
    assert.deepEqual([code, stderr], [0, ''], args.join(' '))
    assert.ok(stdout.length > 4)
  }
})

test('no answer is 3, soon', async (t) => {
  const streams = new Streams(t)
  const started = performance.now()
  const { code, stderr } = await streams.run(['topics', 'ls', '--url', 'http://127.0.0.1:2', '--json', '-q'])
  assert.equal(code, 3)
  assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'no_answer')
  assert.ok(performance.now() - started < 20_000)
})

test('a reader of a pipe that ends early ends the command, without an error', async (t) => {
  const { streams, url } = await withServer(t)
  await streams.ok(['produce', 'a', '--text'], { input: `${'x'.repeat(200)}\n`.repeat(20_000) })
  const script = '"$0" "$1" consume a | head -n 2; echo "$PIPESTATUS"'
  const { stdout, stderr } = await run('bash', ['-c', script, process.execPath, entry], {
    env: { ...streams.env, STREAMS_URL: url }
  })
  assert.equal(stderr, '')
  const lines = linesOf(stdout)
  assert.equal(lines.length, 3)
  assert.equal(lines[2], '0')
})

/** What the command writes to a terminal. */
async function onTerminal (streams: Streams, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  return (await typed(streams, args, undefined, env)).text
}

/** @param keys what is typed when the command asks */
async function typed (
  streams: Streams, args: readonly string[], keys?: string, env: Record<string, string> = {}
): Promise<{ readonly text: string, readonly code: number | null }> {
  const line = [process.execPath, entry, ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', line, '/dev/null'], { env: { ...streams.env, TERM: 'xterm-256color', ...env } })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (keys !== undefined && text.includes('[y/N]')) child.stdin.end(keys)
  })
  const [code] = await once(child, 'close') as [number | null]
  return { text, code }
}

const escape = String.fromCharCode(27)

test('a terminal gets colours and columns, a pipe neither, and NO_COLOR none', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '{"item":"book","n":1}', '--key', 'k1', '-H', 'h=v'])
  await streams.ok(['produce', 'a', '"two"'])
  const coloured = await onTerminal(streams, ['consume', 'a'])
  assert.ok(coloured.includes(escape))
  const plain = await onTerminal(streams, ['consume', 'a'], { NO_COLOR: '1' })
  assert.ok(!plain.includes(escape))
  assert.match(plain, /^1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}k1 {2}\{"item":"book","n":1\} {2}h=v\r\n2 {2}.{23} {6}"two"\r\n$/)
  assert.equal(await onTerminal(streams, ['consume', 'a', '--no-color']), plain)
  assert.equal(await onTerminal(streams, ['consume', 'a'], { TERM: 'dumb' }), plain)
  assert.ok((await streams.ok(['consume', 'a'])).startsWith('{"offset":1,'))
  assert.ok((await streams.ok(['topics', 'ls', '-l'], { env: { FORCE_COLOR: '1' } })).startsWith('a  1  3'))
  assert.match(await onTerminal(streams, ['topics', 'ls', '-l'], { NO_COLOR: '1' }), /^TOPIC {2}EARLIEST {2}END/)
})

test('a file has a progress bar in a terminal, and none with --quiet', async (t) => {
  const { streams } = await withServer(t)
  const file = join(streams.home, 'a.ndjson')
  writeFileSync(file, '1\n'.repeat(5_000))
  assert.match(await onTerminal(streams, ['produce', 'a', '--file', file]), /a\.ndjson \[=+\] 100% {2}5,000 messages/)
  assert.match(await onTerminal(streams, ['produce', 'a', '--file', file, '--quiet'], { NO_COLOR: '1' }), /^5,000 messages in a/)
})

test('what others have written cannot steer the terminal', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '--text', `\u009b31m${escape}[2J`, '--key', `${escape}]0;title`])
  const shown = await onTerminal(streams, ['consume', 'a'], { NO_COLOR: '1' })
  assert.ok(!shown.includes(escape) && !shown.includes('\u009b'), shown)
  assert.ok(shown.includes('\\u009b31m'))
})

test('a terminal is asked before something is lost, and may say no, or nothing', async (t) => {
  const { streams } = await withServer(t)
  await streams.ok(['produce', 'a', '1'])
  const remove = ['topics', 'rm', 'a']
  const no = await typed(streams, remove, 'n\n')
  assert.match(no.text, /Delete a with at most 1 message\? \[y\/N\]/)
  assert.equal(no.code, 1)
  assert.equal((await typed(streams, remove, '\u0003')).code, 130)
  assert.equal(await streams.ok(['topics', 'ls']), 'a\n')
  assert.equal((await typed(streams, remove, 'y\n')).code, 0)
  assert.equal(await streams.ok(['topics', 'ls']), '')
})

test('a file that is not there, or is a folder, is named', async (t) => {
  const { streams } = await withServer(t)
  for (const [args, text] of [
    [['produce', 'a', '--file', 'none.ndjson'], 'none.ndjson: there is no such file'],
    [['import', 'a', 'none.ndjson'], 'none.ndjson: there is no such file'],
    [['import', 'a', '.'], 'expected a file, got a folder']
  ] as const) {
    const { code, stderr } = await streams.run(args)
    assert.equal(code, 1)
    assert.ok(stderr.includes(text), stderr)
  }
})

test('a file is not sent if it cannot be noted how far it is', async (t) => {
  const { streams } = await withServer(t)
  writeFileSync(join(streams.home, 'a.ndjson'), '1\n')
  const { code, stderr } = await streams.run(['produce', 'a', '--file', 'a.ndjson'], { env: { XDG_STATE_HOME: '/dev/null' } })
  assert.equal(code, 1)
  assert.match(stderr, /it cannot be noted how far the file is.*\n {2}try: set XDG_STATE_HOME/)
  assert.equal(await streams.ok(['topics', 'ls']), '')
})

test('the shell is told what a word may become', async (t) => {
  const { streams, url } = await withServer(t)
  await streams.ok(['produce', 'orders', '1'])
  await streams.ok(['groups', 'create', 'orders', 'billing'])
  await streams.ok(['profiles', 'set', 'prod', '--url', 'http://127.0.0.1:2'])
  for (const [words, expected] of [
    [['topi'], ['topics']],
    [['topics', 'de'], ['describe']],
    [['consume', 'or'], ['orders']],
    [['--url', url, 'consume', 'or'], ['orders']],
    [['groups', 'describe', 'orders', ''], ['billing']],
    [['consume', 'orders', '--fol'], ['--follow']],
    [['export', 'orders', '--compress', ''], ['gzip', 'zstd', 'none']],
    [['consume', '--profile', ''], ['prod']],
    [['profiles', 'use', ''], ['prod']]
  ] as const) {
    const stdout = await streams.ok(['complete', '--', ...words])
    assert.deepEqual(linesOf(stdout).slice(0, -1).map((line) => line.split('\t')[0]), expected, words.join(' '))
  }
  // Without a service there is nothing to say, and no error.
  assert.equal(await streams.ok(['complete', '--', 'consume', 'or'], { env: { STREAMS_URL: 'http://127.0.0.1:2' } }), ':4\n')
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = await streams.ok(['completion', shell])
    assert.ok(script.includes('streams complete --'), shell)
  }
  await run('bash', ['-nc', await streams.ok(['completion', 'bash'])])
})

test('bench measures the four parts, and deletes its topic', async (t) => {
  const { streams } = await withServer(t)
  const results = await streams.json<{ part: string, messages: number }>(
    ['bench', '--messages', '2000', '--duration', '300ms', '--connections', '2', '--rate', '50'])
  assert.deepEqual(results.map(({ part }) => part), [
    'append in batches', 'append one by one, 2 connections', 'read', 'from append to follower, 50 a second'
  ])
  assert.ok(results.every(({ messages }) => messages > 0))
  assert.equal(await streams.ok(['topics', 'ls']), '')
})
