import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { errorHelp } from '../../../src/app/http/error-help.ts'
import { errorCodes, errorKinds, toProblem } from '../../../src/app/http/problem.ts'
import { statusOf } from '../../../src/app/http/status.ts'
import { LogError } from '../../../src/domain/errors.ts'
import { memoryApp } from '../../support/http/app.ts'

test('docs/errors.md has the table as it is', () => {
  const document = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  const rows = [...document.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \| (.+) \|$/gm)]
    .map(([, code, status, retriable, title]) => [code, { status: Number(status), retriable: retriable === 'yes', title }])
  assert.deepEqual(rows, errorCodes.map((code) => [code, { status: statusOf[code], ...errorKinds[code] }]))
})

test('docs/errors.md and the page /docs/errors say why each error comes, and what to do', async (t) => {
  const document = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  const rows = [...document.matchAll(/^\| `(\w+)` \| ([^|]*[^|\d ][^|]*) \| ([^|]+) \|$/gm)]
    .map(([, code, cause, remedy]) => [code, cause, remedy])
  assert.deepEqual(rows, errorCodes.map((code) => [code, errorHelp[code].cause, errorHelp[code].remedy]))
  const { app } = memoryApp(t)
  const page = (await app.inject('/docs/errors')).body
  for (const code of errorCodes) assert(page.includes(`<tr id="${code}">`), code)
  assert(page.includes(`<td>${errorHelp.append_timeout.cause}</td><td>Retry. See <code>written</code>`))
})

test('the example in docs/errors.md is an answer of the service', async (t) => {
  const document = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  const example = JSON.parse(/```json\n(.*?)```/s.exec(document)![1]!) as unknown
  const { app } = memoryApp(t)
  const answer = await app.inject('/topics/orders/consume?limit=0')
  assert.deepEqual(answer.json(), example)
})

test('a problem has these members, and of an append whether it is written', () => {
  assert.deepEqual(toProblem(new LogError('append_timeout', 'Too slow.', { written: 'unknown', cause: new Error('inside') })), {
    type: '/docs/errors#append_timeout',
    title: 'The message could not be written in time',
    status: 503,
    detail: 'Too slow.',
    code: 'append_timeout',
    error: 'Too slow.',
    retriable: true,
    written: 'unknown'
  })
})
