import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { jsonText } from '../../clients/typescript/src/index.ts'
import { launch, openConsole, skip, startService, until } from './support.js'

let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

const script = '<img src=x onerror="window.hacked=1;alert(1)"><script>window.hacked=2</script><svg onload="window.hacked=3">'
const link = 'javascript:window.hacked=4'
const bidi = 'admin\u202etxt.exe \u2066hidden\u2069 \u0007\u200b'

test('names, keys, headers and payloads are text, whatever they have in them', { skip }, async (t) => {
  const { url, client } = await startService(t)
  // eslint-disable-next-line no-template-curly-in-string
  for (const text of [script, link, bidi, "'; DROP TABLE x --", '{{7*7}}${7*7}']) {
    await client.topic('__proto__').append({ [text]: text }, { key: text, headers: { [text]: text, constructor: text } })
  }
  await client.topic('__proto__', { codec: jsonText }).append('{"__proto__":{"polluted":true},"constructor":1,"toString":2,"a":1,"a":2}')
  await client.topic('constructor').append(script)
  const group = client.topic('__proto__').group('toString')
  const { lease } = await group.receive({ limit: 10, consumer: '<img src=x onerror=alert(1)>' })
  await group.nack({ leaseId: lease.id, offsets: [1] }, { reject: true, detail: '<img src=x onerror=alert(1)>' })
  const page = await openConsole(t, browser, url, { path: '/topics' })
  await page.getByRole('link', { name: '__proto__', exact: true }).waitFor()
  await page.getByRole('link', { name: '__proto__', exact: true }).click()
  const count = 6
  await until(async () => (await page.getByRole('option').count()) === count, 'all messages')
  for (let index = 0; index < count; index++) {
    await page.getByRole('option').nth(index).click()
    await page.getByRole('complementary').getByRole('button', { name: 'As sent' }).click()
    await page.getByRole('complementary').getByRole('button', { name: 'Tree' }).click()
    for (const name of ['Copy JSON', 'curl', 'TypeScript', 'Python']) {
      await page.getByRole('complementary').getByRole('button', { name, exact: true }).click()
    }
  }
  await page.getByRole('complementary').getByText('"polluted"').waitFor()
  // A character that turns text around is shown as what it is.
  const shown = await page.getByRole('option').nth(2).textContent()
  assert(shown.includes('admin\\u202etxt.exe \\u2066hidden\\u2069'), shown)
  assert(!/[\u202e\u2066\u2069\u200b]/.test(await page.locator('body').textContent()))
  await page.getByRole('complementary').getByRole('link', { name: 'Edit and append' }).click()
  await page.getByRole('button', { name: 'Append' }).waitFor()
  for (const path of ['/groups', '/topics/__proto__/groups', '/topics/__proto__/groups/toString', '/topics/constructor', '/overview']) {
    await page.goto(`${url}/console/#${path}`)
    await page.waitForTimeout(1_200)
  }
  await page.goto(`${url}/console/#/topics/__proto__/groups/toString`)
  await page.getByRole('region', { name: 'Dead letters' }).getByText('<img src=x').first().waitFor()
  await page.getByRole('region', { name: 'Leases' }).getByText('<img src=x').first().waitFor()
  const effects = await page.evaluate('[window.hacked, ({}).polluted, document.querySelectorAll("main img, main script").length]')
  assert.deepEqual(effects, [undefined, undefined, 0])
})

test('addresses of the page that somebody made up are text, too', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await client.topic('a').append(1)
  const page = await openConsole(t, browser, url, { allowedErrors: /40[04] \(/ })
  const encoded = encodeURIComponent(script)
  const paths = [
    `/topics/${encoded}`, `/topics/${encodeURIComponent('../../tokens')}`, '/topics/%E0%A4%A', `/topics/a/groups/${encoded}`,
    `/topics/a?filter=${encoded}&from=${encodeURIComponent(link)}`, `/topics?q=${encoded}`, `/${encoded}`,
    '/topics/a/nothing', '/topics/a?from=-1', '/topics/a?from=99999999999999999999'
  ]
  for (const path of paths) {
    await page.goto(`${url}/console/#${path}`)
    await page.waitForTimeout(400)
    assert.equal(await page.evaluate('window.hacked'), undefined, path)
    assert.equal(await page.locator('main img, main script').count(), 0, path)
    assert((await page.locator('main').textContent()).length > 10, `${path}: an empty page`)
  }
})

test('a message of 4 MiB, one of 500 levels and one with 100,000 members are shown without a stop of the page', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const topic = client.topic('large', { codec: jsonText })
  await topic.append(JSON.stringify('x'.repeat(4_150_000)))
  await topic.append(`${'{"a":['.repeat(250)}1${']}'.repeat(250)}`)
  await topic.append(JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_none, index) => [`m${index}`, index]))))
  const page = await openConsole(t, browser, url, { path: '/topics/large' })
  await until(async () => (await page.getByRole('option').count()) === 3, 'all messages')
  const detail = page.getByRole('complementary')
  await page.getByRole('option').nth(0).click()
  await detail.getByText('4.0 MiB').waitFor()
  await detail.getByRole('button', { name: 'As sent' }).click()
  await detail.getByText(/characters more/).waitFor()
  await page.getByRole('option').nth(1).click()
  for (let level = 0; level < 8; level++) await detail.locator('.twist[aria-expanded=false]').last().click()
  assert(await detail.locator('.twist').count() >= 10)
  await page.getByRole('option').nth(2).click()
  await detail.getByText('99900 more').waitFor()
  await detail.getByRole('button', { name: '99900 more' }).click()
  await detail.getByText('"m599"').waitFor()
  assert(await page.locator('*').count() < 6_000, 'only what was opened is in the page')
})
