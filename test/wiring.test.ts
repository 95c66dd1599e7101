import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { loadSettings } from '../src/app/config.ts'
import { decodeLeaseId } from '../src/domain/groups/groups.ts'
import { wire, type Platform, type Wiring } from '../src/wiring.ts'
import { environmentOf, localstack, withoutLocalstack } from './support/storage/localstack.ts'
import { temporaryFolder } from './support/temporary-folder.ts'

const name = { topic: 'orders', group: 'billing' }

/** Wires the service as a process with these variables does. */
async function wired (t: TestContext, environment: Readonly<Record<string, string>>, platform?: Platform): Promise<Wiring> {
  // The AWS SDK finds its credentials by itself.
  const credentials = Object.entries(environment).filter(([variable]) => /^AWS_(ACCESS|SECRET)/.test(variable))
  for (const [variable, value] of credentials) process.env[variable] = value
  t.after(() => { for (const [variable] of credentials) delete process.env[variable] })
  const wiring = await wire(loadSettings(environment), () => {}, platform)
  t.after(() => wiring.close())
  return wiring
}

/** Two workers take turns, and the second one finds what the first one has left. */
async function shareTopic ({ log, groups, checks }: Wiring, names: readonly string[]): Promise<void> {
  await log.append('orders', [{ payload: '1' }, { payload: '2' }, { payload: '3' }])
  const receive = (limit: number) => groups.receive(name, { limit, maxBytes: 1_000_000, waitMs: 0, acks: [] })
  const [first, second] = [await receive(2), await receive(10)]
  assert.deepEqual([first.lines.length, second.lines.length], [2, 1])
  await groups.ack(name, { id: decodeLeaseId(first.lease!.id)! })
  const { committedOffset, leases } = await groups.describe(name)
  assert.deepEqual([committedOffset, leases.length], [3, 1])
  assert.deepEqual((await groups.list('orders', '', 10)).groups, ['billing'])
  assert.deepEqual(checks.map((check) => check.name), names)
  await groups.delete(name, true)
}

test('groups are stored in memory', async (t) => {
  await shareTopic(await wired(t, { DATA_DIR: ':memory:' }), [])
})

test('groups are stored in a folder', async (t) => {
  await shareTopic(await wired(t, { DATA_DIR: temporaryFolder(t) }), ['data folder'])
})

test('groups are stored in DynamoDB', { skip: withoutLocalstack }, async (t) => {
  await shareTopic(await wired(t, environmentOf(await localstack(t))), ['bucket', 'table'])
})

test('where nothing runs after an answer, a dead letter is appended before it', async (t) => {
  const { log, groups } = await wired(t, { DATA_DIR: ':memory:' }, { runsOn: false })
  await log.append('orders', [{ payload: '1' }])
  const { lease } = await groups.receive(name, { limit: 1, maxBytes: 1_000_000, waitMs: 0, acks: [] })
  await groups.nack(name, { id: decodeLeaseId(lease!.id)! }, { delayMs: 0, counted: true, reject: true })
  assert.equal(await log.position('orders.dlq', 'latest'), 2)
})
