import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createDynamoClient } from '../src/adapters/dynamodb/client.ts'
import { createDynamoTokenStore } from '../src/adapters/dynamodb/token-store.ts'
import { listenForTokens } from '../src/adapters/sqlite/token-socket.ts'
import { systemClock } from '../src/adapters/system/clock.ts'
import { tokenPattern, Tokens } from '../src/domain/access/tokens.ts'
import { defaultLimits } from '../src/domain/limits.ts'
import type { TokenStore } from '../src/ports/token-store.ts'
import { eventually } from './support/eventually.ts'
import { startServer } from './support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from './support/storage/localstack.ts'
import { openStore } from './support/storage/sqlite.ts'
import { temporaryFolder } from './support/temporary-folder.ts'

const entry = fileURLToPath(new URL('../src/token.ts', import.meta.url))

interface Result { readonly code: number | null, readonly stdout: string, readonly stderr: string }

/** Runs the command in a process of its own. */
async function run (environment: Record<string, string>, ...args: string[]): Promise<Result> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [entry, ...args], { env: { PATH, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => { child.once('close', resolve) })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await ended, stdout, stderr }
}

/** Creates a token, and returns it. */
async function create (environment: Record<string, string>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(environment, 'create', '--name', 'ci', '--allow', 'produce:orders.*', ...args)
  assert.equal(code, 0, stderr)
  assert.match(stdout, new RegExp(`^${tokenPattern}\n$`), 'the token is all of standard output')
  assert(!stderr.includes(stdout.trim()))
  return stdout.trim()
}

/** Creates, lists and revokes. */
async function useCommand (environment: Record<string, string>, location: RegExp): Promise<void> {
  const token = await create(environment, '--allow', 'metrics', '--expires-in', '90d', '--rate', '100')
  const other = await create(environment)
  const listed = await run(environment, 'list')
  assert.deepEqual([listed.code, listed.stderr.split(' in ')[0]], [0, '2 tokens'])
  assert.match(listed.stderr, location)
  const lines = listed.stdout.trim().split('\n')
  assert.deepEqual(lines.map((line) => line.slice(0, 12)), [token, other].map((token) => token.slice(8, 20)).sort())
  const time = '\\d{4}-\\d\\d-\\d\\dT[\\d:.]{12}Z'
  const line = `  "ci"  produce:orders\\.\\* metrics  created ${time} by "npm run token, user .+"  expires ${time}  100 requests/s`
  assert.match(lines.find((line) => line.startsWith(token.slice(8, 20)))!, new RegExp(`^.{12}${line}$`))
  for (const secret of [token.slice(-39), other.slice(-39)]) assert(!listed.stdout.includes(secret))

  const id = other.slice(8, 20)
  const revoked = `Revoked the token ${id}. Running servers refuse it within 10 s.\n`
  assert.deepEqual(await run(environment, 'revoke', id), { code: 0, stdout: '', stderr: revoked })
  const unknown = `There is no access token with the id "${id}".\n`
  assert.deepEqual(await run(environment, 'revoke', id), { code: 1, stdout: '', stderr: unknown })
  assert.equal((await run(environment, 'list')).stdout.trim().split('\n').length, 1)
}

/**
 * A token that the command created is found by this process, and refused after the command has revoked it, in another process,
 * within the time for which it is believed.
 */
async function sharesTokens (store: TokenStore, environment: Record<string, string>): Promise<void> {
  const tokenCacheMs = 1_000
  const tokens = new Tokens({ store, clock: systemClock, limits: { ...defaultLimits, tokenCacheMs } })
  const token = await create(environment)
  const found = await tokens.find(token)
  assert.deepEqual([found?.name, found?.grants.may('produce', 'orders.eu')], ['ci', true])
  const revoking = run(environment, 'revoke', token.slice(8, 20))
  await eventually(async () => await store.read(token.slice(8, 20)) === undefined)
  const revokedAt = performance.now()
  await eventually(async () => await tokens.find(token) === undefined)
  assert(performance.now() - revokedAt < tokenCacheMs + 500)
  assert.equal((await revoking).code, 0)
}

describe('npm run token', () => {
  test('works on a folder without a server, which the first token creates', async (t) => {
    const folder = join(temporaryFolder(t), 'data')
    assert.deepEqual(await run({ DATA_DIR: folder }, 'list'), {
      code: 1, stdout: '', stderr: `DATA_DIR: expected a folder with streams.db, got ${folder}\n`
    })
    assert(!existsSync(folder))
    await useCommand({ DATA_DIR: folder }, new RegExp(` in ${folder}\n$`))
    assert.deepEqual(readdirSync(folder), ['streams.db'])
  })

  test('works on a folder on which a server runs, before and after it was killed', async (t) => {
    const folder = temporaryFolder(t)
    const { child, ended } = await startServer(t, { DATA_DIR: folder })
    assert.equal(statSync(join(folder, 'tokens.sock')).mode & 0o777, 0o600)
    await useCommand({ DATA_DIR: folder }, new RegExp(` in ${folder}, where a server runs\n$`))
    child.kill('SIGKILL')
    await ended
    const { stdout, stderr } = await run({ DATA_DIR: folder }, 'list')
    assert.equal(stdout.trim().split('\n').length, 1)
    assert.match(stderr, new RegExp(` in ${folder}\n$`))
  })

  test('shares its tokens with the process that has the folder open', async (t) => {
    const folder = temporaryFolder(t)
    const { tokens } = openStore(t, folder)
    const server = await listenForTokens(folder, tokens)
    t.after(() => { server.close() })
    await sharesTokens(tokens, { DATA_DIR: folder })
  })

  test('says that the folder is in use if its server does not listen for it', async (t) => {
    const folder = temporaryFolder(t)
    openStore(t, folder)
    assert.deepEqual(await run({ DATA_DIR: folder }, 'list'), {
      code: 1, stdout: '', stderr: `DATA_DIR: another server is running on the folder ${folder}: stop it, or use another folder\n`
    })
  })

  describe('on DynamoDB', { skip: withoutLocalstack }, () => {
    test('works with the settings of the server', async (t) => {
      const storage = await localstack(t)
      await useCommand(environmentOf(storage), new RegExp(` in DynamoDB table ${storage.table}\n$`))
    })

    test('shares its tokens with other processes', async (t) => {
      const storage = await localstack(t)
      await sharesTokens(await dynamoTokens(t, storage), environmentOf(storage))
    })

    test('says what is missing', async (t) => {
      const storage = await localstack(t)
      const { code, stdout, stderr } = await run({ ...environmentOf(storage), COUNTERS_TABLE: 'no-such-table' }, 'list')
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, /^The storage refused the request.*the table "no-such-table" does not exist: create it/)
    })
  })

  test('refuses what a server has in memory', async () => {
    for (const args of [['list'], ['create', '--name', 'a', '--allow', 'metrics'], ['revoke', 'a']]) {
      const { code, stdout, stderr } = await run({ DATA_DIR: ':memory:' }, ...args)
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, /^DATA_DIR: expected a folder, because .* got :memory:\. .*AUTH=none\n$/)
    }
  })

  test('says what was wrong with its arguments', async (t) => {
    const folder = temporaryFolder(t)
    const named = ['create', '--name', 'a', '--allow', 'metrics']
    const wrong: Array<[string[], string]> = [
      [[], 'expected create, list or revoke, got nothing'],
      [['delete'], 'expected create, list or revoke, got "delete"'],
      [['create', '--allow', 'metrics'], '--name: is missing'],
      [['create', '--name', 'a'], '--allow: is missing, such as --allow \'produce:orders.*\''],
      [['create', 'ci'], 'create: expected options only, got "ci"'],
      [[...named, '--allow', 'produce'], 'allow.1: expected metrics, or one of produce, consume, groups, admin with a colon and ' +
        'a topic or a prefix and *, such as produce:orders.*, got "produce"'],
      [[...named, '--expires-in', '90'], '--expires-in: expected a number and s, m, h or d, such as 90d, got "90"'],
      [[...named, '--expires-in', '999999999d'], 'expires_in_ms: expected a whole number from 1 to'],
      [[...named, '--rate', 'fast'], '--rate: expected a whole number, got "fast"'],
      [[...named, '--rate', '0'], 'rate.requests: expected a whole number from 1 to 1000000, got 0'],
      [['create', '--name', 'a\nb', '--allow', 'metrics'], 'name: expected 1 to 128 characters'],
      [['list', 'all'], 'list: expected nothing more, got "all"'],
      [['list', '--name', 'a'], '--name: expected only with create'],
      [['revoke'], 'revoke: expected one ID; list shows them'],
      [['revoke', 'a', 'b'], 'revoke: expected one ID; list shows them'],
      [['revoke', 'a/b'], 'revoke: expected an ID, the part of a token between its two _'],
      [['create', '--nmae', 'a'], "Unknown option '--nmae'"]
    ]
    await Promise.all(wrong.map(async ([args, message]) => {
      const { code, stdout, stderr } = await run({ DATA_DIR: join(folder, 'data') }, ...args)
      assert.deepEqual([code, stdout], [2, ''], args.join(' '))
      assert(stderr.startsWith(message), stderr)
      assert.equal(stderr.trim().split('\n').at(-1), 'For help: npm run -s token -- --help')
    }))
    assert.deepEqual(readdirSync(folder), [], 'nothing was opened')
    const settings = await run({ DATA_DIR: folder, BUCKET_NAME: 'my-bucket' }, 'list')
    assert.deepEqual([settings.code, settings.stderr.split(':')[0]], [1, 'COUNTERS_TABLE'])
    const help = await run({}, '--help')
    assert.deepEqual([help.code, help.stderr, help.stdout.includes("--allow 'produce:orders.*' --expires-in 90d")], [0, '', true])
  })
})

async function dynamoTokens (t: TestContext, { settings, table }: Awaited<ReturnType<typeof localstack>>): Promise<TokenStore> {
  const client = createDynamoClient(settings)
  t.after(() => { client.destroy() })
  return createDynamoTokenStore({ client, table })
}
