// Makes the pictures of docs/images: a server with made-up data, and a page of each view, light and dark.
// npm run screenshots -w console
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import sharp from 'sharp'
import { launch, startService, sleep } from './support.js'

const { values: { folder, all } } = parseArgs({
  options: {
    folder: { type: 'string', default: fileURLToPath(new URL('../../docs/images/', import.meta.url)) },
    all: { type: 'boolean', default: false }
  }
})

/** How much of the plots is there. */
const plotMs = 60_000

const cleanups = []
const t = { after: (cleanup) => { cleanups.unshift(cleanup) } }
const { client, url } = await startService(t)
const stop = new AbortController()
try {
  await fill()
  const work = run()
  await mkdir(folder, { recursive: true })
  const browser = await launch()
  cleanups.unshift(() => browser.close())
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme, reducedMotion: 'reduce' })
    // Their plots are of the last minutes.
    const [topics, overview] = await Promise.all(['/topics', '/overview'].map((path) => open(context, path)))
    await sleep(plotMs)
    await shoot(context, colorScheme)
    await save(topics, `console-topics-${colorScheme}`)
    await save(overview, `console-overview-${colorScheme}`)
    await context.close()
  }
  if (all) {
    const narrow = await browser.newContext({ viewport: { width: 390, height: 844 } })
    for (const path of ['/topics', '/overview']) await save(await open(narrow, path), `console${path.replace('/', '-')}-narrow`)
    await shoot(narrow, 'narrow')
  }
  stop.abort()
  await work
} finally {
  for (const cleanup of cleanups) await cleanup()
}

async function open (context, path) {
  const page = await context.newPage()
  await page.goto(`${url}/console/#${path}`)
  await page.locator('h1, h2').first().waitFor()
  await sleep(5_000)
  return page
}

async function shoot (context, suffix) {
  const views = [
    ['messages', '/topics/orders', async (page) => {
      const { height } = page.viewportSize()
      await page.mouse.click(200, height - 120)
      await sleep(500)
    }],
    ['group', '/topics/orders/groups/mailers', async () => { await sleep(plotMs) }],
    ['produce', '/topics/orders/produce', async (page) => { await page.getByRole('button', { name: 'Append' }).click() }],
    ['groups', '/groups', async () => {}],
    ['settings', '/topics/orders/settings', async () => {}],
    ['empty', '/topics/orderz', async () => {}]
  ]
  for (const [name, path, prepare] of views) {
    if (!all && name !== 'messages' && name !== 'group') continue
    const page = await open(context, path)
    await prepare(page)
    await save(page, `console-${name}-${suffix}`)
    await page.close()
  }
}

/** With few colours: a third of the bytes, and nobody sees it. */
async function save (page, name) {
  // The port is another one each time.
  await page.locator('.host').evaluate((host) => { host.textContent = '127.0.0.1:9000' })
  const picture = await page.screenshot({ animations: 'disabled' })
  const bytes = await sharp(picture).png({ palette: true, colours: 48, dither: 0, effort: 10, compressionLevel: 9 }).toBuffer()
  await writeFile(`${folder}/${name}.png`, bytes)
  console.log(`${name}.png ${Math.round(bytes.length / 1024)} KB`)
}

/** Some topics with messages from before, and groups. */
async function fill () {
  const topics = { orders: 600, payments: 240, shipments: 120, 'users.signups': 80, 'inventory.changes': 400, audit: 900 }
  for (const [name, count] of Object.entries(topics)) {
    await client.topic(name).appendBatch(Array.from({ length: count }, (_none, index) => message(name, index)))
  }
  await client.topic('audit').create({ retentionMs: 30 * 86_400_000 })
  await client.topic('imports.2025').create()
  await client.topic('imports.2025').append({ rows: 12_000 }, { close: true })
  await client.topic('orders').group('mailers').create({ mode: 'keyed', leaseMs: 20_000, maxAttempts: 3, start: 300 })
  await client.topic('orders').group('billing').create({ start: 'latest' })
  await client.topic('payments').group('ledger').create({ mode: 'exclusive' })
  await client.topic('inventory.changes').group('search-index').create({ start: 'latest' })
}

/** Writes and works until it is stopped. */
async function run () {
  const rates = { orders: 60, payments: 25, shipments: 8, 'inventory.changes': 110 }
  const writers = Object.entries(rates).map(async ([name, rate]) => {
    for (let index = 1_000; !stop.signal.aborted;) {
      const count = Math.max(1, Math.round(rate / 5 * (0.7 + 0.6 * Math.random())))
      await client.topic(name).appendBatch(Array.from({ length: count }, () => message(name, index++)))
      await sleep(200)
    }
  })
  const workers = [
    ['orders', 'mailers', 30], ['orders', 'mailers', 30], ['orders', 'billing', 200], ['inventory.changes', 'search-index', 200]
  ]
    .map(async ([topic, name, limit], place) => {
      const group = client.topic(topic).group(name)
      while (!stop.signal.aborted) {
        const { lease, messages } = await group.receive({ limit, waitMs: 1_000, consumer: `${name}-${place + 1}` })
        await sleep(600)
        if (lease === null) continue
        const failed = name === 'mailers' ? messages.filter(({ offset }) => offset % 41 === 0).map(({ offset }) => offset) : []
        if (failed.length > 0) {
          await group.nack({ leaseId: lease.id, offsets: failed }, { reject: true, detail: 'address not accepted: 550 no such user' })
        }
        const done = messages.map(({ offset }) => offset).filter((offset) => !failed.includes(offset))
        if (done.length > 0) await group.ack({ leaseId: lease.id, offsets: done }).catch(() => {})
      }
    })
  // One worker that takes long.
  await client.topic('payments').group('ledger').receive({ limit: 40, leaseMs: 300_000, consumer: 'ledger-1' })
  await Promise.all([...writers, ...workers, follow()])
}

async function follow () {
  for await (const { offset } of client.topic('orders').follow({ from: 'latest', signal: stop.signal })) if (offset < 0) break
}

function message (topic, index) {
  const customer = `customer-${(index * 7919) % 97}`
  const item = ['book', 'pen', 'notebook', 'lamp', 'desk', 'chair'][index % 6]
  const payloads = {
    orders: {
      type: 'order.created',
      order: 4_000_000_000_000 + index,
      item,
      quantity: 1 + index % 4,
      total: 3.5 * (1 + index % 9),
      address: { city: ['Bern', 'Lyon', 'Oslo'][index % 3], zip: String(3000 + index % 900) },
      tags: index % 3 === 0 ? ['gift', 'express'] : []
    },
    payments: { order: 4_000_000_000_000 + index, amount: 12.5 * (1 + index % 7), currency: 'CHF', state: 'captured' },
    shipments: { parcel: `P-${10_000 + index}`, carrier: 'post', state: 'sorted' }
  }
  return {
    payload: payloads[topic] ?? { id: index, item, change: (index % 5) - 2 },
    key: customer,
    ...topic === 'orders' && { headers: { source: index % 2 === 0 ? 'web' : 'app', 'trace-id': (0xabc0000 + index).toString(16) } }
  }
}
