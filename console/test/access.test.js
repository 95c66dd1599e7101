import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { StreamsClient } from '../../clients/typescript/src/index.ts'
import { launch, openConsole, skip, startService, until } from './support.js'

const shell = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

const refused = /40[0134] \(/

/** A server with access control, and a way to make tokens. */
async function startGuarded (t) {
  const { dataFolder, url } = await startService(t, { AUTH: 'tokens' })
  const make = async (...grants) => {
    const allow = grants.flatMap((grant) => ['--allow', grant])
    const { stdout, stderr } = await shell(process.execPath, ['src/token.ts', 'create', '--name', 'test', ...allow], {
      cwd: root, env: { PATH: process.env.PATH, DATA_DIR: dataFolder }
    })
    return /streams_\S+/.exec(stdout + stderr)[0].replace(/["',]+$/, '')
  }
  return { url, make }
}

test('with access control, the page asks for a token, keeps it in the tab only, and never puts it into a URL', { skip }, async (t) => {
  const { url, make } = await startGuarded(t)
  const token = await make('admin:*', 'produce:*', 'consume:*', 'groups:*', 'metrics')
  const client = new StreamsClient({ url, token })
  await client.topic('orders').append({ secret: 1 })
  const page = await openConsole(t, browser, url, { path: '/topics/orders', allowedErrors: refused })
  const urls = []
  page.context().on('request', (request) => { urls.push(request.url()) })
  await page.getByRole('heading', { name: 'Access token' }).waitFor()
  assert(!(await page.locator('body').textContent()).includes('secret'))
  await page.getByLabel('Token').fill('streams_wrong')
  await page.getByRole('button', { name: 'Use it' }).click()
  await page.getByRole('alert').filter({ hasText: 'does not accept the token' }).waitFor()
  await page.getByLabel('Token').fill(token)
  await page.getByRole('button', { name: 'Use it' }).click()
  await page.getByRole('option').filter({ hasText: '{"secret":1}' }).waitFor()
  await client.topic('orders').append({ live: 1 })
  await page.getByRole('option').filter({ hasText: '{"live":1}' }).waitFor()
  await page.getByRole('option').first().click()
  await page.getByRole('complementary').getByRole('button', { name: 'curl' }).click()
  const command = await page.evaluate('navigator.clipboard.readText()')
  assert.match(command, / -H "authorization: Bearer \$TOKEN"/)
  assert.match((await shell('sh', ['-c', command], { env: { PATH: process.env.PATH, TOKEN: token } })).stdout, /"secret":1/)
  await page.reload()
  await page.getByRole('option').first().waitFor()
  const kept = await page.evaluate('[Object.values(localStorage), document.cookie, location, document.documentElement.outerHTML].join()')
  assert(!kept.includes(token.slice(8)))
  assert.deepEqual(urls.filter((one) => one.includes(token.slice(8))), [])
  // Another tab knows nothing of it.
  const other = await page.context().newPage()
  await other.goto(`${url}/console/`)
  await other.getByRole('heading', { name: 'Access token' }).waitFor()
  await page.getByRole('button', { name: 'Forget token' }).click()
  await page.getByRole('heading', { name: 'Access token' }).waitFor()
  assert.equal(await page.evaluate('sessionStorage.length'), 0)
})

test('the page shows what the token may do, and no more', { skip }, async (t) => {
  const { url, make } = await startGuarded(t)
  const admin = new StreamsClient({ url, token: await make('admin:*', 'produce:*', 'consume:*', 'groups:*') })
  for (const name of ['orders', 'payments']) await admin.topic(name).append({ name })
  const cases = [
    { grants: ['consume:orders'], topics: 'orders', tabs: 'Messages' },
    { grants: ['produce:orders'], topics: 'orders', tabs: 'Produce,Settings' },
    { grants: ['consume:*', 'groups:orders'], topics: 'orders,payments', tabs: 'Messages,Groups' },
    { grants: ['admin:orders'], topics: 'orders', tabs: 'Settings' }
  ]
  for (const { grants, topics, tabs } of cases) {
    const page = await openConsole(t, browser, url, { allowedErrors: refused })
    await page.getByLabel('Token').fill(await make(...grants))
    await page.getByRole('button', { name: 'Use it' }).click()
    await until(async () => (await page.getByRole('rowheader').allTextContents()).join() === topics, `${grants}: the topics`)
    await page.getByRole('link', { name: 'orders' }).click()
    await until(async () => {
      const found = (await page.getByRole('navigation', { name: 'Parts' }).getByRole('link').allTextContents()).join()
      return found === tabs || found
    }, `${grants}: the tabs`)
    await page.goto(`${url}/console/#/topics/orders/${tabs.includes('Groups') ? 'produce' : 'groups'}`)
    await page.getByText(/It needs the grant (groups|produce):orders/).waitFor()
    await page.goto(`${url}/console/#/overview`)
    await page.getByText('It needs the grant metrics').waitFor()
    // Nothing was written by finding out.
    assert.equal((await admin.topic('orders').describe()).end, 2)
    await page.context().close()
  }
})
