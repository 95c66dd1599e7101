import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test, type TestContext } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { addConsole, consoleFolder, loadConsole } from '../../../src/app/console/console.ts'
import { memoryApp } from '../../support/http/app.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** An app that serves the console of the checkout, as `npm ci` has built it. */
async function consoleApp (t: TestContext, folder = consoleFolder): Promise<FastifyInstance> {
  const { app } = memoryApp(t, { access: 'tokens' })
  addConsole(app, await loadConsole(folder))
  await app.ready()
  return app
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

test('the page and all files that it names are served without a token, with a strict policy, compressed as asked', async (t) => {
  const app = await consoleApp(t)
  const page = await app.inject('/console/')
  assert.equal(page.statusCode, 200, page.body)
  const names = [...page.body.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, name]) => name!)
  assert.deepEqual(names.map((name) => name.replace(/-[A-Z0-9]{8}/, '')).sort(), ['assets/icon.svg', 'assets/main.css', 'assets/main.js'])
  const built = (await readdir(new URL('assets', consoleFolder))).filter((name) => !/\.(br|gz)$/.test(name))
  assert.deepEqual(built.map((name) => `assets/${name}`).sort(), [...names].sort())
  for (const name of ['', ...names]) {
    const url = `/console/${name}`
    const plain = await app.inject(url)
    assert.equal(plain.headers['content-security-policy'], policy)
    assert.equal(plain.headers['x-content-type-options'], 'nosniff')
    assert.equal(plain.headers['cache-control'], name === '' ? 'no-cache' : 'public, max-age=31536000, immutable')
    assert.equal(plain.headers['content-encoding'], undefined)
    const br = await app.inject({ url, headers: { 'accept-encoding': 'gzip, deflate, br, zstd' } })
    assert.equal(br.headers['content-encoding'], 'br')
    assert(brotliDecompressSync(br.rawPayload).equals(plain.rawPayload))
    const gzip = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
    assert.equal(gzip.headers['content-encoding'], 'gzip')
    assert(gunzipSync(gzip.rawPayload).equals(plain.rawPayload))
  }
  assert(!/<script(?![^>]* src=)|<style|style=|\son\w+=|https?:/.test(page.body), 'nothing inline, and no other host')
})

test('a page that has not changed is not sent again', async (t) => {
  const app = await consoleApp(t)
  const { headers: { etag } } = await app.inject('/console/')
  const again = await app.inject({ url: '/console/', headers: { 'if-none-match': `"other", ${etag as string}` } })
  assert.deepEqual([again.statusCode, again.body, again.headers['content-security-policy']], [304, '', policy])
  const other = await app.inject({ url: '/console/', headers: { 'if-none-match': '"other"' } })
  assert.equal(other.statusCode, 200)
})

test('without the slash, the browser is sent to the page by a relative link, so that it works below any path', async (t) => {
  const app = await consoleApp(t)
  const { statusCode, headers: { location } } = await app.inject('/console?x=1')
  assert.deepEqual([statusCode, location], [302, './console/'])
  assert.equal(new URL(location!, 'https://example.com/prod/console').pathname, '/prod/console/')
})

test('nothing else below it is there', async (t) => {
  const app = await consoleApp(t)
  const files = [
    'index.html', 'assets/', 'assets', 'assets/main.js.br', '../package.json', '..%2fpackage.json', 'assets/..%2f..%2fbuild.mjs'
  ]
  for (const name of files) {
    assert.equal((await app.inject(`/console/${name}`)).statusCode, 404, name)
  }
  assert.equal((await app.inject({ method: 'POST', url: '/console/' })).statusCode, 405)
})

test('a console that was not built says what to run', async (t) => {
  const app = await consoleApp(t, pathToFileURL(join(temporaryFolder(t), 'none/')))
  const { statusCode, headers, body } = await app.inject('/console')
  assert.equal(statusCode, 404)
  assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
  assert.match(body, /npm run build -w console/)
})

test('only files of the console are loaded, whatever else is in its folder', async (t) => {
  const folder = temporaryFolder(t)
  await mkdir(join(folder, 'assets'))
  for (const name of ['index.html', 'assets/a.js', 'assets/notes.txt']) {
    for (const suffix of ['', '.br', '.gz']) await writeFile(join(folder, `${name}${suffix}`), name)
  }
  const files = await loadConsole(pathToFileURL(`${folder}/`))
  assert.deepEqual(files.map(({ name, type }) => [name, type]).sort(), [
    ['assets/a.js', 'text/javascript; charset=utf-8'], ['index.html', 'text/html; charset=utf-8']
  ])
})
