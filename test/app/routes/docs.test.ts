import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryApp } from '../../support/http/app.ts'

test('the pages at /docs find their files and the operations, also where the path begins with a stage', async (t) => {
  const { app } = memoryApp(t)
  for (const at of ['https://host/docs', 'https://host/docs/', 'https://host/prod/docs', 'https://host/prod/docs/']) {
    const [stage, path] = at.includes('/prod/') ? ['/prod', at.slice('https://host/prod'.length)] : ['', at.slice('https://host'.length)]
    const { body } = await app.inject(path)
    const files = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => new URL(link!, at).pathname)
    assert(files.length > 5)
    for (const file of files) {
      assert(file.startsWith(`${stage}/docs/static/`), `${at} loads ${file}`)
      assert.equal((await app.inject(file.slice(stage.length))).statusCode, 200, file)
    }
    const { servers } = (await app.inject('/docs/json')).json<{ servers: Array<{ url: string }> }>()
    // As the page's script resolves them.
    assert.deepEqual(servers.map(({ url }) => new URL(url, `https://host${stage}/docs/json`).pathname), [`${stage}/`, `${stage}/v1`])
  }
})
