// In JavaScript, as the linter of the repository runs without playwright.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { Service } from '../../clients/suite/service.ts'
import { StreamsClient } from '../../clients/typescript/src/index.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const skip = !existsSync(executablePath) && `there is no ${executablePath}`

const args = [
  '--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-precise-memory-info'
]

/** A browser, which ends with the tests of the file. */
export async function launch () {
  return chromium.launch({ executablePath, args })
}

const cleanups = new WeakMap()

/** What was begun last ends first: pages before their server. */
function cleanup (t, end) {
  if (!cleanups.has(t)) {
    cleanups.set(t, [])
    t.after(async () => {
      const results = []
      for (const one of cleanups.get(t).reverse()) results.push(await Promise.resolve(one()).then(() => {}, (error) => error))
      const error = results.find((result) => result !== undefined)
      if (error !== undefined) throw error
    })
  }
  cleanups.get(t).push(end)
}

/** A server on SQLite with data of its own, at an address that stays when it is killed and started again. */
export async function startService (t, settings = {}) {
  const dataFolder = await mkdtemp(join(tmpdir(), 'streams-console-'))
  cleanup(t, () => rm(dataFolder, { recursive: true }))
  const service = await Service.start({ settings: { DATA_DIR: dataFolder, ...settings } })
  cleanup(t, () => service.close())
  return { service, dataFolder, url: service.url, client: new StreamsClient({ url: service.url }) }
}

/**
 * A page of the console. A test fails if the page writes an error, breaks its policy, or asks another host for anything.
 * @param options of the browser's context
 */
export async function openConsole (t, browser, url, { path = '', allowedErrors = /a^/, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  const problems = []
  page.on('console', (message) => {
    if (message.type() === 'error' && !allowedErrors.test(message.text())) problems.push(`${message.text()} ${message.location().url}`)
  })
  page.on('pageerror', (error) => { problems.push(String(error)) })
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`)
    dialog.dismiss()
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) problems.push(`another host: ${request.url()}`)
  })
  page.problems = problems
  cleanup(t, async () => {
    await context.close()
    if (problems.length > 0) throw new Error(`the page had problems:\n${problems.join('\n')}`)
  })
  await page.goto(`${url}/console/#${path}`)
  await page.locator('h1').first().waitFor()
  return page
}

export async function sleep (ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms) })
}

/** Waits until a condition holds. */
export async function until (condition, what, ms = 10_000) {
  const end = performance.now() + ms
  let last
  while (performance.now() < end) {
    last = await condition()
    if (last === true) return
    await sleep(50)
  }
  throw new Error(`after ${ms} ms: ${what}, got ${JSON.stringify(last)}`)
}
