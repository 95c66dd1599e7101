import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { startService } from '../../typescript/test/support/service.ts'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const root = new URL('../../', import.meta.url)
const types: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript' }

const skip = process.env['REQUIRE_RUNTIMES'] !== '1' && !existsSync(executablePath) && `there is no ${executablePath}`

test('runs in Chromium, from another origin', { timeout: 120_000, skip }, async (t) => {
  const { service } = await startService(t, { settings: { CORS_ORIGINS: '*' } })
  service.proxy.rules = [{ fault: 'drop', rate: 0.05, on: 'POST' }, { fault: 'cut', rate: 0.05, on: 'GET', bytes: 5_000 }]
  const pages = createServer((request, response) => {
    const path = request.url!
    readFile(new URL(`.${path}`, root)).then((bytes) => {
      response.writeHead(200, { 'content-type': types[path.replace(/^.*\./, '')] }).end(bytes)
    }, () => { response.writeHead(404).end() })
  })
  pages.listen(0, '127.0.0.1')
  await once(pages, 'listening')
  t.after(() => {
    pages.closeAllConnections()
    pages.close()
  })
  const args = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync']
  const browser = await chromium.launch({ executablePath, args })
  t.after(() => browser.close())
  t.diagnostic(browser.version())
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/checks/runtimes/page.html`)
  await page.waitForFunction('window.scenario')
  const result = await page.evaluate(`scenario('${service.url}', 'chromium')`)
  assert.deepEqual(result, { offset: 1, inOrder: [1_000, 1_001], worked: 1_001, end: 10, error: 'StreamsError offset_mismatch no' })
})
