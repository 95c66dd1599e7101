import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, openConsole, skip, startService, until } from './support.js'

let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

/** The value of a number with a name. */
async function fact (page, name) {
  return page.locator('.fact', { has: page.getByText(name, { exact: true }) }).locator('dd').textContent()
}

test('a group is shown with its lag, its leases and who has them, redeliveries, and dead letters with reasons', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await client.topic('jobs').appendBatch(Array.from({ length: 100 }, (_none, index) => {
    return { payload: { job: index + 1 }, key: `k${index % 3}` }
  }))
  const group = client.topic('jobs').group('workers')
  await group.create({ mode: 'shared', leaseMs: 60_000, maxAttempts: 3 })
  const first = await group.receive({ limit: 10, consumer: 'ada' })
  await group.receive({ limit: 5, consumer: 'bob', leaseMs: 600_000 })
  await group.ack({ leaseId: first.lease.id, offsets: [1, 2, 3] })
  await group.nack({ leaseId: first.lease.id, offsets: [4] }, { reject: true, detail: 'no such address' })
  await group.nack({ leaseId: first.lease.id, offsets: [5, 6] })
  await group.receive({ limit: 2, consumer: 'eve' })
  const page = await openConsole(t, browser, url, { path: '/topics/jobs/groups' })
  await page.getByRole('link', { name: 'workers' }).click()
  await page.getByRole('heading', { name: 'workers' }).waitFor()
  await until(async () => (await fact(page, 'Lag')) === '96', 'the lag')
  const facts = await Promise.all(['Committed', 'Mode', 'Lease', 'Attempts'].map((name) => fact(page, name)))
  assert.deepEqual(facts, ['5', 'shared', '1 min', '3'])
  await until(async () => (await fact(page, 'Delivered again')) === '2', 'what came again')
  assert.equal(await fact(page, 'Dead'), '1')
  const leases = page.getByRole('region', { name: 'Leases' }).last().getByRole('row')
  const rows = await leases.allTextContents()
  assert.deepEqual(rows.slice(1).map((text) => /^(ada|bob|eve)/.exec(text)?.[0]).sort(), ['ada', 'bob', 'eve'])
  assert(rows.some((text) => /^bob11–155(9\.\d|10) min$/.test(text)), rows.join('\n'))
  const letter = page.getByRole('region', { name: 'Dead letters' }).last().getByRole('row').nth(1)
  assert.match(await letter.textContent(), /^4.*rejected no such address.*1k0\{"job":4\}$/)
  // The numbers of the plot are there as a table.
  await page.getByText('Numbers').click()
  await until(async () => (await page.getByRole('row').filter({ hasText: /\d\d:\d\d:\d\d96/ }).count()) > 1, 'the lag over time')
})

test('the head of a topic knows what its group and its tail know', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const append = (count) => client.topic('jobs').appendBatch(Array.from({ length: count }, (_none, index) => ({ payload: index })))
  await append(10)
  await client.topic('jobs').group('workers').create()
  const page = await openConsole(t, browser, url, { path: '/topics/jobs/groups/workers' })
  const head = () => page.locator('.head').textContent()
  await page.getByText('offsets 1 to 10').waitFor()
  // The head's own questions have no answer from here on.
  await page.route((asked) => asked.pathname === '/topics/jobs', () => {})
  await append(10)
  await until(async () => (await fact(page, 'Lag')) === '20', 'the lag')
  await until(async () => (await head()).endsWith('offsets 1 to 20'), 'the head')
  await page.locator('.crumbs').getByRole('link', { name: 'jobs' }).click()
  await page.getByRole('link', { name: 'Messages' }).click()
  await page.getByRole('option').last().waitFor()
  for (let end = 30; end <= 60; end += 10) {
    await append(10)
    await page.locator('.row .offset', { hasText: new RegExp(`^${end}$`) }).waitFor()
    await until(async () => (await head()).endsWith(`offsets 1 to ${end}`), 'the head')
  }
})

test('seek tells what it would do before it does it, redrive and deletion work', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await client.topic('jobs').appendBatch(Array.from({ length: 100 }, (_none, index) => ({ payload: { job: index + 1 } })))
  const group = client.topic('jobs').group('workers')
  const { lease } = await group.receive({ limit: 50 })
  await group.nack({ leaseId: lease.id, offsets: [7] }, { reject: true })
  await group.ack({ leaseId: lease.id })
  await group.receive({ limit: 10, leaseMs: 600_000 })
  const page = await openConsole(t, browser, url, { path: '/topics/jobs/groups/workers' })
  await until(async () => (await fact(page, 'Committed')) === '51', 'the position')
  const seek = page.getByRole('region', { name: 'Seek' })
  await seek.getByLabel('To an offset').fill('21')
  await seek.getByText('From 51 to 21: up to 40 messages that were handed out come again (offsets 21 to 60). 1 live leases end.').waitFor()
  await seek.getByText('21 {"job":21}').waitFor()
  await seek.getByLabel('To an offset').fill('90')
  await seek.getByText('From 51 to 90: up to 39 messages that are not done are skipped. 1 live leases end.').waitFor()
  await seek.getByLabel('To an offset').fill('yesterday')
  await seek.getByText('Expected an offset').waitFor()
  assert(await seek.getByRole('button', { name: 'Move the group' }).isDisabled())
  await seek.getByRole('button', { name: 'Reset to earliest' }).click()
  await seek.getByText('From 51 to 1: up to 60 messages').waitFor()
  assert(await seek.getByRole('button', { name: 'Move the group' }).isDisabled())
  assert.equal((await group.describe()).committedOffset, 51)
  await seek.getByLabel('to confirm').fill('workers')
  await seek.getByRole('button', { name: 'Move the group' }).click()
  await page.getByText('The group is at offset 1. 1 leases were ended.').waitFor()
  await until(async () => (await fact(page, 'Lag')) === '100', 'the lag after the move')

  await client.topic('jobs').group('workers').seek('latest')
  await page.getByRole('region', { name: 'Redrive' }).getByRole('button', { name: 'Redrive' }).click()
  await page.getByText('1 come again, 0 were skipped, 0 were trimmed.').waitFor()
  assert.deepEqual((await group.receive()).messages.map(({ offset }) => offset), [7])

  await page.getByRole('button', { name: 'Configure' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Lease, seconds').fill('45')
  await dialog.getByLabel('Deliveries before').fill('')
  await dialog.getByLabel('Dead-letter topic').fill('')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await until(async () => (await fact(page, 'Lease')) === '45 s', 'the lease time')
  const { leaseMs, maxAttempts, deadLetterTopic } = await group.describe()
  assert.deepEqual([leaseMs, maxAttempts, deadLetterTopic], [45_000, null, null])

  const deletion = page.getByRole('region', { name: 'Delete' })
  await deletion.getByLabel('to confirm').fill('workers')
  await deletion.getByRole('button').click()
  await page.getByRole('heading', { name: 'No consumer groups' }).waitFor()
  await assert.rejects(group.describe(), { code: 'group_not_found' })
})

test('a group is created, and all groups are listed with the largest lag first', { skip }, async (t) => {
  const { url, client } = await startService(t)
  for (const [name, length] of [['a', 10], ['b', 500]]) {
    await client.topic(name).appendBatch(Array.from({ length }, (_none, payload) => ({ payload })))
  }
  await client.topic('b').group('behind').create()
  const page = await openConsole(t, browser, url, { path: '/topics/a/groups' })
  await page.getByRole('button', { name: 'New group' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('in-order')
  await dialog.getByLabel('Mode').selectOption('keyed')
  await dialog.getByLabel('Begins at').fill('4')
  await dialog.getByRole('button', { name: 'Create group' }).click()
  await page.getByRole('heading', { name: 'in-order' }).waitFor()
  const made = await client.topic('a').group('in-order').describe()
  assert.deepEqual([made.mode, made.committedOffset, made.deadLetterTopic], ['keyed', 4, 'a.dlq'])
  await page.keyboard.press('g')
  await until(async () => {
    const rows = (await page.getByRole('row').allTextContents()).slice(1).join(' ')
    return /^behindb1500.* in-ordera47/.test(rows) || rows
  }, 'both groups')
})
