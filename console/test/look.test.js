import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { createServer, request as httpRequest } from 'node:http'
import { after, before, test } from 'node:test'
import { launch, openConsole, skip, startService, until } from './support.js'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

async function fill (client) {
  await client.topic('orders').appendBatch(Array.from({ length: 200 }, (_none, index) => ({
    payload: { order: index, item: 'book', tags: ['a', 'b'], note: null, paid: true },
    key: `customer-${index % 7}`,
    headers: { source: 'web' }
  })))
  const group = client.topic('orders').group('mailers')
  const { lease } = await group.receive({ limit: 10, consumer: 'mailer-1', leaseMs: 600_000 })
  await group.nack({ leaseId: lease.id, offsets: [3] }, { reject: true, detail: 'no such address' })
  await client.topic('closed').append(1, { close: true })
}

/** Each view, and what to do and to wait for before it is looked at. */
const views = {
  topics: ['/topics', async (page) => page.getByRole('link', { name: 'orders', exact: true }).waitFor()],
  'new topic': ['/topics', async (page) => page.getByRole('button', { name: 'New topic' }).click()],
  'no match': ['/topics?q=zzz', async (page) => page.getByText('No topic has').waitFor()],
  messages: ['/topics/orders', async (page) => page.getByRole('option').first().waitFor()],
  message: ['/topics/orders', async (page) => page.getByRole('option').nth(3).click()],
  'no messages': ['/topics/orders?filter=nothing', async (page) => page.getByText('No message fits').waitFor()],
  produce: ['/topics/orders/produce', async (page) => {
    await page.getByLabel('Template').selectOption('With key and headers')
    await page.getByLabel('Payload, JSON').fill('{')
  }],
  settings: ['/topics/orders/settings', async (page) => page.getByRole('button', { name: 'Delete topic' }).waitFor()],
  'groups of a topic': ['/topics/orders/groups', async (page) => page.getByRole('link', { name: 'mailers' }).waitFor()],
  group: ['/topics/orders/groups/mailers', async (page) => {
    await page.getByText('no such address').waitFor()
    await page.getByLabel('To an offset, or').fill('2')
    await page.getByText('come again (offsets').waitFor()
  }],
  groups: ['/groups', async (page) => page.getByRole('link', { name: 'mailers' }).waitFor()],
  overview: ['/overview', async (page) => {
    await page.waitForTimeout(4_500)
    await page.getByText('Numbers').first().click()
  }],
  'no topic': ['/topics/nothing', async (page) => page.getByText('There is no topic').waitFor()],
  shortcuts: ['/topics', async (page) => page.getByRole('button', { name: 'Keyboard shortcuts' }).click()]
}

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const [wide, narrow] = [{ width: 1280, height: 800 }, { width: 390, height: 844 }]
for (const [colorScheme, viewport] of [['light', wide], ['dark', wide], ['light', narrow]]) {
  test(`all views are accessible, and nothing is cut off: ${colorScheme}, ${viewport.width} pixels`, { skip }, async (t) => {
    const { url, client } = await startService(t)
    await fill(client)
    const page = await openConsole(t, browser, url, { colorScheme, viewport, allowedErrors: /404/, bypassCSP: true })
    for (const [name, [path, prepare]] of Object.entries(views)) {
      await page.goto('about:blank')
      await page.goto(`${url}/console/#${path}`)
      await prepare(page)
      await page.addScriptTag({ path: axe })
      const { violations } = await page.evaluate(`axe.run(document, { runOnly: ${JSON.stringify(rules)} })`)
      assert.deepEqual(violations.map(({ help, nodes }) => [help, nodes.map(({ html }) => html.slice(0, 200))]), [], name)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      assert(width <= viewport.width, `${name}: ${width} pixels wide`)
    }
  })
}

test('everything can be done with the keyboard', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await fill(client)
  const page = await openConsole(t, browser, url)
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key) }
  const text = async () => page.evaluate('document.activeElement.textContent')
  await page.getByRole('link', { name: 'orders', exact: true }).waitFor()
  await press('Tab')
  assert.equal((await text()).trim(), 'Skip to the content')
  await press('Enter', 'Tab', 'Tab', 'Tab', 'Tab')
  await press('/')
  assert.equal(await page.evaluate('document.activeElement.type'), 'search')
  await page.keyboard.type('orders')
  await press('Enter')
  await page.getByRole('option').first().waitFor()
  await page.getByRole('listbox').focus()
  await press('End', 'k', 'ArrowUp', 'j', 'Enter')
  const detail = page.getByRole('complementary')
  await detail.getByRole('heading', { name: 'Offset 199' }).waitFor()
  assert.equal(await page.getByRole('option', { selected: true }).locator('.offset').textContent(), '199')
  await press('Escape')
  await detail.waitFor({ state: 'detached' })
  await press('Home')
  const selected = page.getByRole('option', { selected: true }).locator('.offset')
  await until(async () => (await selected.textContent()) === '101', 'the first that was read')
  // There are older ones, which come when one goes on.
  await press('ArrowUp')
  await until(async () => (await page.locator('.status').textContent()).includes('200 shown'), 'older messages')
  await press('Space')
  await page.getByText('Paused').waitFor()
  await press('Space')
  await page.getByText('Paused').waitFor({ state: 'detached' })
  await press('?')
  await page.getByRole('dialog').getByRole('heading', { name: 'Keyboard' }).waitFor()
  // The dialog has the keyboard.
  await press('o', 'Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('heading', { name: 'orders' }).waitFor()
  await press('o')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await press('g')
  await page.getByRole('heading', { name: 'Groups' }).waitFor()
  await press('t')
  await page.getByRole('heading', { name: 'Topics' }).waitFor()
  // In a field, letters are letters.
  await page.getByLabel('Search topics').fill('')
  await page.keyboard.type('go t')
  assert.equal(await page.getByLabel('Search topics').inputValue(), 'go t')
})

test('the first view needs less than 200 KB and a second, and the files are not asked for twice', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await fill(client)
  const page = await openConsole(t, browser, url)
  const session = await page.context().newCDPSession(page)
  const load = async () => {
    await page.goto('about:blank')
    await page.goto(`${url}/console/`)
    await page.getByRole('link', { name: 'orders', exact: true }).waitFor()
    return page.evaluate(`({
      bytes: ['resource', 'navigation'].flatMap((type) => performance.getEntriesByType(type))
        .reduce((sum, { transferSize }) => sum + transferSize, 0),
      paint: performance.getEntriesByName('first-contentful-paint')[0].startTime
    })`)
  }
  const assetSizes = () => page.evaluate(`performance.getEntriesByType('resource').filter(({ name }) => name.includes('/assets/'))
    .map(({ transferSize }) => transferSize)`)
  // Opening the page has filled it.
  await session.send('Network.clearBrowserCache')
  const first = await load()
  const sent = await assetSizes()
  assert(sent.length >= 2 && sent.every((size) => size > 0), `not from the cache: ${sent}`)
  t.diagnostic(`${(first.bytes / 1024).toFixed(0)} KB, first paint after ${Math.round(first.paint)} ms`)
  assert(first.bytes < 200 * 1024)
  assert(first.paint < 1_000)
  await page.evaluate('performance.clearResourceTimings()')
  await load()
  const sizes = await assetSizes()
  assert(sizes.length >= 2)
  assert.deepEqual(sizes.filter((size) => size > 0), [])
})

test('it works below a path, behind a proxy that removes the prefix', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await fill(client)
  const proxy = createServer((request, response) => {
    if (!request.url.startsWith('/prod/')) {
      response.writeHead(404).end()
      return
    }
    const { method, headers } = request
    const forwarded = httpRequest(new URL(request.url.slice('/prod'.length), url), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    // A page that is left hangs up, also before there is an answer.
    forwarded.on('error', () => { response.destroy() })
    request.pipe(forwarded)
    response.on('close', () => { forwarded.destroy() })
  })
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
  t.after(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const prefixed = `http://127.0.0.1:${proxy.address().port}/prod`
  const page = await openConsole(t, browser, prefixed)
  await page.goto(`${prefixed}/console`)
  await page.getByRole('link', { name: 'orders', exact: true }).click()
  await page.getByRole('option').first().waitFor()
  await client.topic('orders').append({ live: true })
  await page.getByRole('option').filter({ hasText: '{"live":true}' }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/prod/console/')
})
