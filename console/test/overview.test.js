import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, openConsole, skip, sleep, startService, until } from './support.js'

let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

test('the overview shows what the server does, as plots and as tables', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const page = await openConsole(t, browser, url, { path: '/overview' })
  await page.getByRole('heading', { name: 'Messages a second' }).waitFor()
  const end = performance.now() + 9_000
  while (performance.now() < end) {
    await client.topic('busy').appendBatch(Array.from({ length: 100 }, (_none, payload) => ({ payload })))
    await client.topic('busy').page({ from: 'earliest', limit: 1 })
    await client.topic('nothing').describe().catch(() => {})
    await sleep(100)
  }
  const plot = page.getByRole('region', { name: 'Messages a second' })
  await plot.getByText('Numbers').click()
  const rows = (await plot.getByRole('row').allTextContents()).slice(1)
  assert(rows.length >= 3, `${rows}`)
  assert(rows.some((text) => Number(/^\d\d:\d\d:\d\d(\d+)/.exec(text)?.[1]) > 100), `hundreds of messages a second: ${rows}`)
  assert(await plot.locator('canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    return data.some((value) => value > 0)
  }), 'something is drawn')
  const latency = await page.locator('.fact', { hasText: 'Append, 99 %' }).locator('dd').textContent()
  assert.match(latency, /^[\d.]+ m?s$/)
  const totals = page.getByRole('region', { name: 'Since the server started' })
  const row = async (name) => {
    return totals.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) }).getByRole('cell').textContent()
  }
  await until(async () => Number((await row('reserve')).replaceAll(',', '')) >= 20, 'the calls of the storage')
  assert(Number(await row('topic not found')) >= 10)
  assert.equal(await page.locator('.fact', { hasText: 'Cost a day' }).locator('dd').textContent(), 'none: a folder')
})

test('a server without metrics says so', { skip }, async (t) => {
  const { url } = await startService(t, { METRICS: 'off' })
  const page = await openConsole(t, browser, url, { path: '/overview', allowedErrors: /404/ })
  await page.getByRole('heading', { name: 'The server has no metrics' }).waitFor()
})
