import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { launch, openConsole, skip, startService, until } from './support.js'

const shell = promisify(execFile)
const missing = /404 \(Not Found\)/
let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

test('without topics, the page has a command that makes the first one when it is pasted', { skip }, async (t) => {
  const { url } = await startService(t)
  const page = await openConsole(t, browser, url)
  await page.getByRole('heading', { name: 'No topics yet' }).waitFor()
  await page.getByRole('button', { name: 'Copy' }).click()
  const command = await page.evaluate('navigator.clipboard.readText()')
  const { stdout } = await shell('sh', ['-c', command])
  assert.equal(stdout, '{"topic":"orders","offset":1}')
  await page.reload()
  await page.getByRole('link', { name: 'orders' }).click()
  await page.getByRole('option').filter({ hasText: '{"item":"book","quantity":2}' }).waitFor()
})

test('topics are listed with their offsets, rates and lag; the search narrows them, and Enter opens the first', { skip }, async (t) => {
  const { url, client } = await startService(t)
  for (const name of ['orders', 'orders.eu', 'payments']) await client.topic(name).append(1)
  await client.topic('orders').appendBatch(Array.from({ length: 999 }, (_none, payload) => ({ payload })))
  await client.topic('orders').group('slow').receive({ limit: 1 })
  await client.topic('payments').close()
  const page = await openConsole(t, browser, url)
  const cells = async (name) => {
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) })
    return (await row.getByRole('cell').allTextContents()).map((text) => text.trim())
  }
  await until(async () => {
    const [, , , earliest, end, groups, lag] = await cells('orders')
    const found = [earliest, end, groups, lag].join()
    return found === '1,1,001,1,1,000' || found
  }, 'the offsets, the number of groups and their lag')
  assert.equal(await page.getByRole('row').filter({ hasText: 'payments' }).getByText('closed').count(), 1)
  // Two looks at the metrics, with messages between them.
  await page.waitForTimeout(2_500)
  await client.topic('orders').appendBatch(Array.from({ length: 500 }, (_none, payload) => ({ payload })))
  await until(async () => {
    const [rate] = await cells('orders')
    return Number(rate) > 100 || rate
  }, 'messages a second', 6_000)
  assert.equal((await cells('payments'))[0], '0')
  await page.keyboard.press('/')
  await page.keyboard.type('ORD')
  await until(async () => (await page.getByRole('rowheader').allTextContents()).join() === 'orders,orders.eu', 'only those that fit')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'orders', exact: true }).waitFor()
})

test('a topic is created with a config, changed, trimmed, closed and deleted; the dangerous ones ask for its name', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const page = await openConsole(t, browser, url, { allowedErrors: /40[049] \(/ })
  await page.getByRole('button', { name: 'New topic' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('a b')
  await dialog.getByRole('button', { name: 'Create topic' }).click()
  await dialog.getByRole('alert').filter({ hasText: 'topic: expected 1 to 249 characters' }).waitFor()
  await dialog.getByLabel('Name').fill('new.topic')
  await dialog.getByLabel('Keep messages for').fill('7')
  await dialog.getByLabel('Rate, messages a second').fill('5000')
  await dialog.getByRole('button', { name: 'Create topic' }).click()
  await page.getByRole('heading', { name: 'new.topic' }).waitFor()
  assert.deepEqual((await client.topic('new.topic').describe()).config, {
    retentionMs: 604_800_000, retentionBytes: null, maxMessageBytes: null, rate: { messages: 5_000 }
  })
  await client.topic('new.topic').appendBatch(Array.from({ length: 10 }, (_none, payload) => ({ payload })))

  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByLabel('Keep messages for').fill('')
  await page.getByLabel('Largest message, bytes').fill('1000')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved.').waitFor()
  assert.deepEqual((await client.topic('new.topic').describe()).config, {
    retentionMs: null, retentionBytes: null, maxMessageBytes: 1_000, rate: { messages: 5_000 }
  })

  const form = (label) => page.locator('form', { has: page.getByRole('button', { name: label }) })
  await until(async () => (await page.getByText('offsets 1 to 10').count()) === 1, 'the page has noticed the messages')
  await form('Trim').getByLabel('Remove everything below offset').fill('4')
  await form('Trim').getByText('Up to 3 messages go: offsets 1 to 3.').waitFor()
  const trim = form('Trim').getByRole('button', { name: 'Trim' })
  assert(await trim.isDisabled())
  await form('Trim').getByLabel('to confirm').fill('new.topi')
  assert(await trim.isDisabled())
  await form('Trim').getByLabel('to confirm').press('Enter')
  assert.equal((await client.topic('new.topic').describe()).earliest, 1)
  await form('Trim').getByLabel('to confirm').fill('new.topic')
  await trim.click()
  await page.getByText('offsets 4 to 10').waitFor()

  await form('Close topic').getByLabel('to confirm').fill('new.topic')
  await form('Close topic').getByRole('button').click()
  await page.getByText('closed', { exact: true }).waitFor()
  assert.equal((await client.topic('new.topic').describe()).closed, true)
  assert.equal(await form('Close topic').count(), 0)

  await form('Delete topic').getByLabel('to confirm').fill('new.topic')
  await form('Delete topic').getByRole('button').click()
  await page.getByRole('heading', { name: 'Topics', exact: true }).waitFor()
  await assert.rejects(client.topic('new.topic').describe(), { code: 'topic_not_found' })
})

test('of thousands of topics, only those in view are asked about', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const names = Array.from({ length: 1_500 }, (_none, index) => `topic-${String(index).padStart(4, '0')}`)
  while (names.length > 0) await Promise.all(names.splice(0, 50).map((name) => client.topic(name).create()))
  const page = await openConsole(t, browser, url)
  const described = new Set()
  page.on('request', (request) => {
    const name = /\/topics\/([^/?]+)/.exec(request.url())?.[1]
    if (name !== undefined) described.add(name)
  })
  await page.getByText('1–50 of 1,500').waitFor()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('51–100 of 1,500').waitFor()
  await page.getByRole('link', { name: 'topic-0099' }).waitFor()
  await page.waitForTimeout(6_000)
  assert(described.size <= 100, `${described.size} topics were described`)
  await page.getByLabel('Search topics').fill('1499')
  await page.getByRole('link', { name: 'topic-1499' }).click()
  await page.getByRole('heading', { name: 'The topic has no messages' }).waitFor()
})

test('a topic that is not there is made by the command on its page, and then shown', { skip }, async (t) => {
  const { url } = await startService(t)
  const page = await openConsole(t, browser, url, { path: '/topics/not-yet', allowedErrors: missing })
  await page.getByRole('heading', { name: 'There is no topic of this name' }).waitFor()
  await shell('sh', ['-c', await page.locator('.command pre').textContent()])
  await page.getByRole('option').filter({ hasText: '{"item":"book","quantity":2}' }).waitFor()
})
