import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Streams, withServer } from './support/streams.ts'

const tokenEntry = fileURLToPath(new URL('../../src/token.ts', import.meta.url))

/** A server that asks for tokens, and an operator's. */
async function withTokens (t: TestContext) {
  const server = await withServer(t, { AUTH: 'tokens' })
  const admin = execFileSync(process.execPath, [tokenEntry, 'create', '--name', 'operator', '--allow', 'admin:*', '--allow', 'metrics'], {
    env: { PATH: process.env['PATH'] ?? '', DATA_DIR: server.folder }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']
  }).trim()
  return { ...server, admin }
}

async function everythingOf (streams: Streams, args: readonly string[], env: Record<string, string>): Promise<string> {
  const { stdout, stderr } = await streams.run(args, { env })
  return stdout + stderr
}

test('tokens are created, listed and revoked, and each command needs its grant', async (t) => {
  const { streams, admin } = await withTokens(t)
  const none = await streams.run(['topics', 'ls'])
  assert.equal(none.code, 4)
  assert.match(none.stderr, /try: set STREAMS_TOKEN, or store a token/)

  const asAdmin = { env: { STREAMS_TOKEN: admin } }
  const created = await streams.run(['token', 'create', '--name', 'ci', '--allow', 'produce:orders.*', '--expires-in', '1d'], asAdmin)
  assert.match(created.stdout, /^streams_\w+\n$/)
  assert.match(created.stderr, /It is shown only now/)
  const ci = { env: { STREAMS_TOKEN: created.stdout.trim() } }
  await streams.ok(['produce', 'orders.new', '1'], ci)
  for (const args of [
    ['produce', 'other', '1'], ['consume', 'orders.new'], ['token', 'ls'], ['topics', 'rm', 'orders.new', '-y'],
    ['work', 'orders.new', 'g', '--', 'cat']
  ]) {
    const { code, stderr } = await streams.run(args, ci)
    assert.equal(code, 4, args.join(' '))
    assert.match(stderr, /try: an operator can give you a token with this grant/)
  }
  const tokens = await streams.json<{ id: string, name: string, allow: string[] }>(['token', 'ls'], asAdmin)
  assert.deepEqual(tokens.map(({ name }) => name).sort(), ['ci', 'operator'])
  const { id } = tokens.find(({ name }) => name === 'ci')!
  assert.match(await streams.ok(['token', 'describe', id], asAdmin), /grants +produce:orders\.\*/)
  assert.equal((await streams.run(['token', 'revoke', id], asAdmin)).code, 2)
  assert.match(await streams.ok(['token', 'revoke', id, '--yes'], asAdmin), /^revoked/)
  assert.equal((await streams.run(['token', 'describe', id], asAdmin)).code, 5)
})

test('profiles have addresses and tokens, in a file for the owner only, and tokens are never shown', async (t) => {
  const { streams: base, admin, url } = await withTokens(t)
  const streams = new Streams(t)
  assert.notEqual(base.home, streams.home)
  const file = join(streams.home, '.config/streams/config.json')
  await streams.ok(['profiles', 'set', 'prod', '--url', url, '--token-stdin'], { input: `${admin}\n` })
  await streams.ok(['profiles', 'set', 'local', '--url', 'http://127.0.0.1:2'])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(await streams.json(['profiles', 'ls']), [
    { profile: 'local', url: 'http://127.0.0.1:2', token: false, current: false }, { profile: 'prod', url, token: true, current: true }
  ])
  // The current one, a named one, and the environment.
  assert.equal((await streams.run(['token', 'ls'])).code, 0)
  assert.equal((await streams.run(['token', 'ls', '--profile', 'local'])).code, 3)
  assert.equal((await streams.run(['token', 'ls'], { env: { STREAMS_PROFILE: 'local' } })).code, 3)
  await streams.ok(['profiles', 'use', 'local'])
  assert.equal((await streams.run(['token', 'ls'])).code, 3)
  assert.equal((await streams.run(['token', 'ls', '--profile', 'prod'], { env: { STREAMS_URL: 'http://127.0.0.1:2' } })).code, 0)
  // The token of a profile goes nowhere else.
  assert.equal((await streams.run(['token', 'ls', '--url', url])).code, 4)
  await streams.ok(['profiles', 'use', 'prod'])
  assert.equal((await streams.run(['token', 'ls'], { env: { STREAMS_URL: url } })).code, 4)

  const outputs = await Promise.all([
    ['profiles', 'ls'], ['profiles', 'ls', '--json'], ['profiles', 'use', 'prod'],
    ['doctor', '-v'], ['doctor', '--json'], ['token', 'ls', '-v'],
    ['topics', 'ls', '--profile', 'prod', '--verbose'], ['consume', 'none', '--json', '-v']
  ].map(async (args) => everythingOf(streams, args, { STREAMS_TOKEN: admin })))
  for (const output of outputs) {
    assert.ok(output.length > 0)
    assert.ok(!output.includes(admin) && !output.includes(admin.split('_').at(-1)!), output)
  }

  // Another address forgets the token; the same keeps it.
  await streams.ok(['profiles', 'set', 'prod', '--url', url])
  assert.equal((await streams.run(['token', 'ls'])).code, 0)
  await streams.ok(['profiles', 'set', 'prod', '--url', 'http://127.0.0.1:2'])
  assert.ok(!readFileSync(file, 'utf8').includes(admin))
  await streams.ok(['profiles', 'rm', 'prod'])
  const missing = await streams.run(['topics', 'ls', '--profile', 'prod'])
  assert.equal(missing.code, 5)
  assert.match(missing.stderr, /there is no profile "prod"\n.*one of: local/)
})

test('settings that are wrong are named', async (t) => {
  const streams = new Streams(t)
  for (const [args, env, text] of [
    [['topics', 'ls', '--url', 'localhost:9000'], {}, '--url: expected a URL such as https://streams.example.com, got "localhost:9000"'],
    [['topics', 'ls'], { STREAMS_URL: 'nowhere' }, 'STREAMS_URL: expected a URL'],
    [['topics', 'ls', '--url', 'http://user:secret@127.0.0.1:2'], {}, '--url: expected a URL without a user'],
    [['topics', 'ls', '--url', 'http://127.0.0.1:2', '--profile', 'a'], {}, '--url and --profile: expected one of them'],
    [['topics', 'ls'], { STREAMS_TOKEN: 'two words' }, 'STREAMS_TOKEN: expected a token without spaces']
  ] as const) {
    const { code, stderr } = await streams.run(args, { env })
    assert.equal(code, 2)
    assert.ok(stderr.includes(text), stderr)
    assert.ok(!stderr.includes('secret'))
  }
  await streams.ok(['profiles', 'set', 'a', '--url', 'http://127.0.0.1:2'])
  const file = join(streams.home, '.config/streams/config.json')
  assert.ok(existsSync(file))
  writeFileSync(file, '{"profiles":[1]}')
  const damaged = await streams.run(['profiles', 'ls'])
  assert.equal(damaged.code, 2)
  assert.match(damaged.stderr, /config\.json: expected \{"current"/)
})

interface Check { readonly check: string, readonly verdict: string, readonly text: string, readonly mend?: string }

function checksIn (stdout: string): Record<string, Check> {
  return Object.fromEntries(stdout.split('\n').filter((line) => line !== '').map((line) => {
    const check = JSON.parse(line) as Check
    return [check.check, check]
  }))
}

test('doctor says that all is well, and what the token may do', async (t) => {
  const { streams, admin } = await withTokens(t)
  const made = await streams.ok(['token', 'create', '--name', 'x', '--allow', 'produce:a', '--allow', 'groups:a', '-q'], {
    env: { STREAMS_TOKEN: admin }
  })
  const { code, stdout, stderr } = await streams.run(['doctor', '--json', '--topic', 'a'], { env: { STREAMS_TOKEN: made.trim() } })
  assert.equal(code, 0, stderr)
  const checks = checksIn(stdout)
  assert.deepEqual(Object.entries(checks).map(([name, { verdict }]) => `${name} ${verdict}`), [
    'command ok', 'settings ok', 'reachable ok', 'clock ok', 'versions ok', 'storage ok', 'token ok', 'rights ok', 'topic ok'
  ])
  assert.match(checks['settings']!.text, /from STREAMS_URL, a token from STREAMS_TOKEN/)
  assert.equal(checks['topic']!.text, 'produce:a, not consume:a, groups:a, not admin:a')
  assert.match(checks['rights']!.text, /not admin:\*, not metrics/)
  // It has changed nothing.
  assert.equal(await streams.ok(['topics', 'ls'], { env: { STREAMS_TOKEN: admin } }), '')

  const refused = await streams.run(['doctor', '--json'], { env: { STREAMS_TOKEN: 'streams_wrong' } })
  assert.equal(refused.code, 1)
  assert.equal(checksIn(refused.stdout)['token']!.verdict, 'failed')
  const open = await streams.run(['doctor', '--json'])
  assert.match(checksIn(open.stdout)['token']!.mend!, /STREAMS_TOKEN/)
})

test('doctor finds what is wrong: nobody listens, another service, a wrong clock, full storage, an open config', async (t) => {
  const streams = new Streams(t)
  const refused = await streams.run(['doctor', '--json', '--url', 'http://127.0.0.1:2'])
  assert.equal(refused.code, 1)
  assert.match(checksIn(refused.stdout)['reachable']!.text, /nothing listens at 127\.0\.0\.1, port 2/)
  const port = await streams.run(['doctor', '--json', '--url', 'http://127.0.0.1:1'])
  assert.match(checksIn(port.stdout)['reachable']!.text, /fetch refuses port 1/)

  const answers: Record<string, readonly [number, string]> = {}
  const server = createServer(({ url = '' }, response) => {
    const [status, text] = answers[url.split('?')[0]!] ?? [404, 'not here']
    response.writeHead(status, { date: new Date(Date.now() - 3_600_000).toUTCString() }).end(text)
  }).listen(0, '127.0.0.1')
  t.after(() => { server.close() })
  await new Promise((resolve) => { server.once('listening', resolve) })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const other = await streams.run(['doctor', '--json', '--url', url])
  assert.match(checksIn(other.stdout)['reachable']!.text, /answers 404, which is not an answer of the service: not here/)

  await streams.ok(['profiles', 'set', 'a', '--url', url])
  chmodSync(join(streams.home, '.config/streams/config.json'), 0o644)
  Object.assign(answers, {
    '/health': [200, '{"status":"ok"}'],
    '/ready': [503, '{"detail":"disk: no space"}'],
    '/openapi.json': [200, '{"info":{"version":"9.0.0"}}'],
    '/topics': [200, '{"topics":[]}']
  })
  const { code, stdout, stderr } = await streams.run(['doctor', '--json'])
  assert.equal(code, 1)
  assert.match(stderr, /1 of \d checks failed: storage/)
  const checks = checksIn(stdout)
  assert.match(checks['clock']!.text, /^3[56]\d\d s ahead of that of the server/)
  assert.match(checks['config file']!.mend!, /^chmod 600 /)
  assert.equal(checks['versions']!.verdict, 'warning')
  assert.equal(checks['storage']!.text, '/ready answers 503: disk: no space')
})
