import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { SettingsSchema } from '../../src/app/config.ts'
import { listeningApp } from '../support/http/app.ts'
import { produce } from '../support/http/requests.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const run = promisify(execFile)

test('the README\'s curl commands answer what it prints', async (t) => {
  const examples = [...readme.matchAll(/```sh\n(curl .*)\n```\n\n```json\n(.*)\n```/g)]
  assert.equal(examples.length, 4)
  const { baseUrl } = await listeningApp(t)
  for (const [, command = '', printed = ''] of examples) {
    assert.ok(command.includes('http://127.0.0.1:9000/'), command)
    const { stdout } = await run('sh', ['-c', command.replace('http://127.0.0.1:9000', baseUrl)])
    assert.equal(masked(stdout), masked(printed), command)
  }
})

test('the README\'s NDJSON commands work as printed', async (t) => {
  const blocks = [...readme.matchAll(/```sh\n(.*?)\n```/gs)].map(([, block = '']) => block).filter((block) => block.includes('ndjson'))
  assert.equal(blocks.length, 3)
  const { baseUrl } = await listeningApp(t)
  const cwd = temporaryFolder(t)
  const shell = async (block: string): Promise<string> =>
    (await run('sh', ['-ec', block.replaceAll('http://127.0.0.1:9000', baseUrl)], { cwd })).stdout
  const [sendAndRead = '', split = '', copy = ''] = blocks
  assert.equal(masked(await shell(sendAndRead)), '{"topic":"orders","offset":1,"last_offset":2,"count":2}' +
    '{"offset":1,"payload":"c","timestamp":MS}\n{"offset":2,"payload":"d","timestamp":MS,"key":"customer-7"}\n')
  writeFileSync(join(cwd, 'messages.ndjson'), Array.from({ length: 2_500 }, (_, n) => `{"payload":${n}}\n`).join(''))
  assert.deepEqual((await shell(split)).match(/"count":\d+/g), ['"count":1000', '"count":1000', '"count":500'])
  await t.test('copy', { skip: await shell('command -v jq || true') === '' && 'jq is not installed' }, async () => {
    assert.equal(await shell(copy), '{"topic":"orders-copy","offset":1,"last_offset":1000,"count":1000}')
  })
})

test('the README\'s consumer loop gets all messages, and goes on where it was', async (t) => {
  const [, loop = ''] = /```js\n(.*?)```/s.exec(readme)!
  const { baseUrl } = await listeningApp(t)
  await produce(baseUrl, 'orders', `{"messages":[${Array.from({ length: 250 }, (_, n) => `{"payload":${n}}`).join()}]}`)
  const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => (...args: unknown[]) => Promise<void>
  const consumer = new AsyncFunction('loadOffset', 'handle', 'saveOffset', loop.replace('http://127.0.0.1:9000', baseUrl))
  const handled: number[] = []
  let saved = 1
  const enough = new Error('enough')
  const until = (count: number) => [
    () => saved,
    ({ payload }: { payload: number }) => { handled.push(payload) },
    (offset: number) => {
      saved = offset
      if (handled.length >= count) throw enough
    }
  ]
  for (const count of [100, 250]) await assert.rejects(consumer(...until(count)), enough)
  assert.deepEqual(handled, [...Array(250).keys()])
  assert.equal(saved, 251)
})

test('the README\'s table has every setting with its default', () => {
  const rows = [...readme.matchAll(/^\| `([A-Z0-9_]+)` \| (?:`(.*?)`)? ?\|/gm)].map(([, name, value]) => [name, value])
  const settings = Object.entries(SettingsSchema.properties).map(([name, schema]) => {
    const value = (schema as { default?: string | number }).default
    return [name, value === undefined ? undefined : String(value)]
  })
  assert.deepEqual(rows.sort(), settings.sort())
})

function masked (text: string): string {
  return text.replace(/"timestamp":\d{13}(?!\d)/g, '"timestamp":MS')
}
