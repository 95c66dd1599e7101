import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, openConsole, skip, sleep, startService, until } from './support.js'

let browser
before(async () => { if (skip === false) browser = await launch() })
after(() => browser?.close())

const seconds = Number(process.env.CONSOLE_LOAD_SECONDS ?? 30)

async function firstOffset (page) {
  return Number((await page.locator('.row .offset').first().textContent()).replaceAll(',', ''))
}

async function lastOffset (page) {
  return Number((await page.locator('.row .offset').last().textContent()).replaceAll(',', ''))
}

/** Waits until the last row is this message. */
async function showsAtEnd (page, offset) {
  await until(async () => (await lastOffset(page)) === offset, 'the last message', 5_000).catch(async (error) => {
    // What a person would see then.
    const status = (await page.locator('.status').innerText()).replaceAll('\n', ' ')
    throw new Error(`${offset} is not there: ${status}, last ${await lastOffset(page)}`, { cause: error })
  })
}

/** Bytes of the page's heap after a collection. */
async function heap (page) {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}

test('a topic of 1,000,000 messages: one scrolls, jumps and filters in it', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const topic = client.topic('million')
  for (let from = 0; from < 1_000_000; from += 40_000) {
    await topic.appendBatch(Array.from({ length: 40_000 }, (_none, index) => ({ payload: from + index + 1 })))
  }
  const page = await openConsole(t, browser, url, { path: '/topics/million?from=earliest' })
  await page.locator('.row .offset', { hasText: /^10$/ }).waitFor()
  const list = page.getByRole('listbox')
  await list.hover()
  let furthest = 0
  for (let turn = 0; turn < 120; turn++) {
    await page.mouse.wheel(0, 6_000)
    await sleep(30)
    furthest = await lastOffset(page)
  }
  assert(furthest > 10_000, `scrolled to ${furthest}`)
  const { length } = await page.evaluate('({ length: document.querySelectorAll(".row").length })')
  assert(length < 100, `${length} rows are in the page`)
  for (const offset of [500_000, 999_950, 123_456]) {
    const began = performance.now()
    await page.getByLabel('Go to an offset or a time').fill(String(offset))
    await page.keyboard.press('Enter')
    await until(async () => (await firstOffset(page)) === offset, `the jump to ${offset}`)
    t.diagnostic(`jump to ${offset}: ${Math.round(performance.now() - began)} ms`)
  }
  await page.getByRole('slider').evaluate((slider) => {
    slider.value = '750000'
    slider.dispatchEvent(new Event('change', { bubbles: true }))
  })
  await until(async () => (await firstOffset(page)) === 750_000, 'the slider')
  const began = performance.now()
  await page.getByLabel('Filter').fill('.=999999')
  const isFound = async () => (await page.locator('.row .offset').allTextContents()).join() === '999,999'
  await until(isFound, 'the filter over 250,000 messages', 60_000)
  t.diagnostic(`filter over 250,000 messages: ${((performance.now() - began) / 1_000).toFixed(1)} s`)
  const used = await heap(page)
  t.diagnostic(`heap ${Math.round(used / 1024 ** 2)} MiB`)
  assert(used < 64 * 1024 ** 2)
})

test(`1,000 messages a second for ${seconds} s: the tail keeps up, and the page's memory is bounded`, { skip }, async (t) => {
  const { url, client } = await startService(t)
  const topic = client.topic('fast')
  await topic.append({ first: true })
  const page = await openConsole(t, browser, url, { path: '/topics/fast' })
  await page.getByRole('option').first().waitFor()
  await page.evaluate(`{
    window.frames_ = 0
    const frame = () => { window.frames_++; requestAnimationFrame(frame) }
    requestAnimationFrame(frame)
    window.longest = 0
    new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration) })
      .observe({ entryTypes: ['longtask'] })
  }`)
  const payload = { text: 'x'.repeat(150) }
  const begin = performance.now()
  const memory = []
  let sent = 0
  while (performance.now() - begin < seconds * 1_000) {
    const due = Math.floor((performance.now() - begin)) - sent
    if (due > 0) await topic.appendBatch(Array.from({ length: due }, (_none, index) => ({ payload: { n: sent + index, ...payload } })))
    sent += due
    if (performance.now() - begin > (memory.length + 1) * seconds * 100) memory.push(await heap(page))
    await sleep(20)
  }
  await showsAtEnd(page, sent + 1)
  const { frames, longest } = await page.evaluate('({ frames: window.frames_, longest: window.longest })')
  t.diagnostic(`${sent} messages, ${(frames / seconds).toFixed(0)} frames a second, longest task ${Math.round(longest)} ms`)
  t.diagnostic(`heap in MiB: ${memory.map((bytes) => (bytes / 1024 ** 2).toFixed(1)).join(' ')}`)
  assert(sent > seconds * 900, `${sent} were sent`)
  // It grows up to 11,000 rows, after a third of the time, and then no more.
  const [third, end] = [Math.max(...memory.slice(0, 5)), Math.max(...memory.slice(5))]
  assert(end < third * 1.25 && end < 16 * 1024 ** 2, 'bounded')
  const [shown] = /[\d,]+ shown/.exec(await page.locator('.status').textContent())
  assert(Number(shown.replace(/\D/g, '')) <= 11_000)
})

test('the tail stays at the end while the size of the window changes', { skip }, async (t) => {
  const { url, client } = await startService(t)
  const topic = client.topic('resized')
  await topic.append(0)
  const page = await openConsole(t, browser, url, { path: '/topics/resized' })
  await page.getByRole('option').first().waitFor()
  let sent = 1
  for (let n = 0; n < 60; n++) {
    await Promise.all([
      topic.appendBatch(Array.from({ length: 20 }, () => ({ payload: 'x'.repeat(100) }))),
      page.setViewportSize({ width: 1280, height: n % 2 === 0 ? 800 : 650 })
    ])
    sent += 20
  }
  await showsAtEnd(page, sent)
})
