import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { jsonText } from '../../clients/typescript/src/index.ts'
import { launch, openConsole, skip, sleep, startService, until } from './support.js'

const shell = promisify(execFile)
let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

/** The offsets of the rows that exist in the page, in their order. */
async function offsets (page) {
  return (await page.locator('.row .offset').allTextContents()).map((text) => Number(text.replaceAll(',', '')))
}

async function numbered (client, topic, count, from = 0) {
  await client.topic(topic).appendBatch(Array.from({ length: count }, (_none, index) => ({ payload: { n: from + index } })))
}

test('new messages come into view by themselves; paused, they wait, and resumed, none is missing', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await numbered(client, 'live', 300)
  const page = await openConsole(t, browser, url, { path: '/topics/live' })
  await page.getByText('Live', { exact: true }).last().waitFor()
  await until(async () => (await offsets(page)).at(-1) === 300, 'the last message')
  await client.topic('live').append({ late: true }, { key: 'k-1' })
  await page.getByRole('option').filter({ hasText: '{"late":true}' }).filter({ hasText: 'k-1' }).waitFor()
  await page.getByRole('heading', { level: 1 }).click()
  await page.keyboard.press('Space')
  await page.getByText('Paused').waitFor()
  await numbered(client, 'live', 50)
  await page.getByText('50 waiting').waitFor()
  assert.equal((await offsets(page)).at(-1), 301)
  // What was before can be read meanwhile.
  await page.getByRole('button', { name: 'Older' }).click()
  await until(async () => (await page.locator('.status').textContent()).includes('301 shown'), 'older messages')
  assert.equal((await offsets(page)).at(-1), 301)
  await page.keyboard.press('Space')
  await until(async () => (await offsets(page)).at(-1) === 351, 'the messages that have waited')
  const shown = await offsets(page)
  assert.deepEqual(shown, shown.map((_one, index) => shown[0] + index), 'no gap')
})

test('a tail goes on without a gap or a double after its server was killed and started again', { skip }, async (t) => {
  const { service, url, client } = await startService(t)
  await numbered(client, 'tail', 20)
  const page = await openConsole(t, browser, url, { path: '/topics/tail', allowedErrors: /Failed to load resource|ERR_/ })
  await until(async () => (await offsets(page)).at(-1) === 20, 'the last message')
  for (let round = 0; round < 2; round++) {
    await service.kill()
    await page.getByText(/no answer, trying again/i).first().waitFor()
    await service.begin()
    await numbered(client, 'tail', 5, 1_000)
    await until(async () => (await offsets(page)).at(-1) === 25 + round * 5, 'what was written after the start', 15_000)
  }
  const shown = await offsets(page)
  assert.deepEqual(shown, Array.from({ length: shown.length }, (_none, index) => 30 - shown.length + 1 + index))
  await page.getByText('Live', { exact: true }).last().waitFor()
})

test('one jumps to an offset, to a time and to the beginning, and reads on and back by scrolling', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await numbered(client, 'jumps', 3_000)
  await sleep(1_100)
  const middle = Date.now()
  await numbered(client, 'jumps', 1_000)
  const page = await openConsole(t, browser, url, { path: '/topics/jumps', allowedErrors: /400/ })
  const go = async (text) => {
    await page.getByLabel('Go to an offset or a time').fill(text)
    await page.keyboard.press('Enter')
  }
  await go('1,500')
  await until(async () => (await offsets(page))[0] === 1_500, 'the offset')
  const list = page.getByRole('listbox')
  await list.hover()
  for (let turn = 0; turn < 12; turn++) {
    await page.mouse.wheel(0, 4_000)
    await page.waitForTimeout(120)
  }
  await until(async () => (await offsets(page))[0] > 1_900, 'what follows')
  await go('1500')
  await until(async () => (await offsets(page))[0] === 1_500, 'the offset again')
  await list.hover()
  await until(async () => {
    await page.mouse.wheel(0, -3_000)
    return (await offsets(page))[0] < 1_000
  }, 'what was before')
  const shown = await offsets(page)
  assert.deepEqual(shown, shown.map((_one, index) => shown[0] + index))
  await page.getByRole('button', { name: 'Earliest' }).click()
  await until(async () => (await offsets(page))[0] === 1, 'the beginning')
  await go(new Date(middle - 300).toISOString())
  await until(async () => (await offsets(page))[0] === 3_001, 'the first message after the time')
  await go('soon')
  assert.equal(await page.getByLabel('Go to an offset or a time').getAttribute('aria-invalid'), 'true')
  await go('9000')
  await page.getByRole('alert').filter({ hasText: 'expected at most 4001' }).waitFor()
})

test('a filter looks through all messages from where the view begins, and at new ones', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await numbered(client, 'filtered', 5_000)
  await client.topic('filtered').appendBatch([
    { payload: { item: 'Book', total: 12.5, tags: ['new', 'gift'] }, key: 'customer-7', headers: { source: 'web' } },
    { payload: { item: 'pen', total: 2, tags: [] }, key: 'customer-8', headers: { source: 'app' } },
    { payload: 'two words here' }
  ])
  await numbered(client, 'filtered', 500)
  const page = await openConsole(t, browser, url, { path: '/topics/filtered?from=earliest' })
  const cases = [
    ['book', [5_001]], ['key=customer-8', [5_002]], ['key~customer', [5_001, 5_002]], ['header.source=web', [5_001]],
    ['.item=pen', [5_002]], ['.tags[1]=gift', [5_001]], ['.total>=2 .total<12', [5_002]], ['"two words"', [5_003]],
    ['$.item!=pen key~customer', [5_001]], ['.n=4999', [5_000]]
  ]
  for (const [text, wanted] of cases) {
    await page.getByLabel('Filter').fill(text)
    await until(async () => {
      const found = (await offsets(page)).join()
      const settled = await page.locator('.status').textContent()
      return (found === wanted.join() && settled.includes('of 5,503 read')) || `${found} ${settled}`
    }, text)
  }
  await client.topic('filtered').append({ n: 4_999, again: true })
  await until(async () => (await offsets(page)).join() === '5000,5504', 'a new message that fits')
  await page.getByLabel('Filter').fill('.item[=1')
  await page.getByRole('alert').filter({ hasText: 'expected a path' }).waitFor()
})

test('a message is shown in full, with all digits, and can be copied as a command and as programs that work', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const payload = '{"id":12345678901234567890,"price":1.10,"it\'s":{"deep":[1,{"x":null}]},"text":"a\\nb $HOME `x` \\"q\\""}'
  await client.topic('full', { codec: jsonText }).append(payload, { key: "it's", headers: { source: 'web' } })
  const page = await openConsole(t, browser, url, { path: '/topics/full' })
  await page.getByRole('option').first().click()
  const detail = page.getByRole('complementary')
  await detail.getByText('12345678901234567890', { exact: true }).waitFor()
  assert.equal(await detail.getByText('1.10', { exact: true }).count(), 1)
  await detail.getByRole('button', { name: /"it's"/ }).click()
  assert.equal(await detail.getByText('"deep"').count(), 0)
  await detail.getByRole('button', { name: 'As sent' }).click()
  assert.equal(await detail.locator('pre').textContent(), payload)
  const copied = async (name) => {
    await detail.getByRole('button', { name, exact: true }).click()
    await detail.getByText('Copied').waitFor()
    const text = await page.evaluate('navigator.clipboard.readText()')
    await detail.getByText('Copied').waitFor({ state: 'detached' })
    return text
  }
  assert.equal(JSON.parse(await copied('Copy JSON'))["it's"].deep[0], 1)
  assert.match(await copied('Copy JSON'), /^ {2}"id": 12345678901234567890,$/m)
  const { stdout: byCurl } = await shell('sh', ['-c', await copied('curl')])
  assert(byCurl.includes(payload))
  const { stdout: byPython } = await shell('python3', ['-c', await copied('Python')])
  assert.match(byPython, /12345678901234567890/)
  const { stdout: byNode } = await runTypeScript(t, await copied('TypeScript'))
  assert.match(byNode, /offset: 1/)
  // The form takes the message over, and its programs append the same.
  await detail.getByRole('link', { name: 'Edit and append' }).click()
  await page.getByRole('button', { name: 'Append' }).click()
  await page.getByRole('link', { name: 'offset 2' }).waitFor()
  const command = async (name) => {
    await page.getByRole('group', { name: 'Language' }).getByRole('button', { name }).click()
    return page.locator('.command pre').textContent()
  }
  await shell('sh', ['-c', await command('curl')])
  await shell('python3', ['-c', await command('Python')])
  await runTypeScript(t, await command('TypeScript'))
  const { messages } = await client.topic('full', { codec: jsonText }).page({ from: 1 })
  assert.deepEqual(messages.slice(2).map(({ payload, key, headers }) => [payload, key, headers]),
    [3, 4, 5].map(() => [payload, "it's", { source: 'web' }]))
})

/** With the client of this checkout in place of the package. */
async function runTypeScript (t, program) {
  const folder = await mkdtemp(join(tmpdir(), 'streams-console-'))
  t.after(() => rm(folder, { recursive: true }))
  const client = fileURLToPath(new URL('../../clients/typescript/src/index.ts', import.meta.url))
  await writeFile(join(folder, 'program.ts'), program.replace("'serverless-streams-client'", JSON.stringify(client)))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  return shell(process.execPath, [join(folder, 'program.ts')])
}

test('the form checks the JSON, keeps it as it was typed, and says what the server refuses', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await client.topic('made').create({ maxMessageBytes: 200 })
  const page = await openConsole(t, browser, url, { path: '/topics/made/produce', allowedErrors: /413/ })
  const payload = page.getByLabel('Payload, JSON')
  await payload.fill('{\n  "a": 1,\n  "b": }')
  await page.getByText(/line 3, column 8/).waitFor()
  assert(await page.getByRole('button', { name: 'Append' }).isDisabled())
  await page.getByLabel('Template').selectOption('With key and headers')
  assert.equal(await page.getByLabel('Key', { exact: true }).inputValue(), 'customer-7')
  await payload.fill('{ "n": 900719925474099312, "m": 1.0 }')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('link', { name: 'offset 1' }).waitFor()
  const { messages: [message] } = await client.topic('made', { codec: jsonText }).page()
  const { payload: stored, key, headers } = message
  assert.deepEqual([stored, key, headers], ['{ "n": 900719925474099312, "m": 1.0 }', 'customer-7', { source: 'console' }])
  await payload.fill(JSON.stringify('x'.repeat(300)))
  await page.getByRole('button', { name: 'Append' }).click()
  await page.getByRole('alert').filter({ hasText: '200' }).waitFor()
  await page.getByRole('link', { name: 'offset 1' }).click()
  await until(async () => (await offsets(page)).join() === '1', 'the message')
})

test('what is shown can be saved, a line a message', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await client.topic('saved', { codec: jsonText }).append('{"n":12345678901234567890}', { key: 'ключ', headers: { a: 'b' } })
  await client.topic('saved').append('second')
  await client.topic('saved').append({ n: 3 })
  const page = await openConsole(t, browser, url, { path: '/topics/saved?filter=key~ключ' })
  await until(async () => (await offsets(page)).join() === '1', 'the message that fits')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()])
  assert.equal(download.suggestedFilename(), 'saved-1-1.ndjson')
  const text = await readFile(await download.path(), 'utf8')
  assert.match(text, /^\{"offset":1,"payload":\{"n":12345678901234567890\},"timestamp":\d+,"key":"ключ","headers":\{"a":"b"\}\}\n$/)
})

test('at the end of a closed topic, the view says so', { skip }, async (t) => {
  const { url, client } = await startService(t)
  await numbered(client, 'ended', 3)
  const page = await openConsole(t, browser, url, { path: '/topics/ended' })
  await page.getByText('Live', { exact: true }).last().waitFor()
  await client.topic('ended').append({ last: true }, { close: true })
  await page.getByText('End of a closed topic').waitFor()
  assert.deepEqual(await offsets(page), [1, 2, 3, 4])
})
