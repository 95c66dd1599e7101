import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { parse, read } from '../../test/support/docs/markdown.ts'
import { exitCodes, exitMeanings, type Exit } from '../src/failures.ts'
import { createProgram } from '../src/program.ts'
import { leavesOf } from './support/commands.ts'
import { entry, withServer } from './support/streams.ts'

const run = promisify(execFile)
const page = read('docs/command.md')

function rowsBelow (head: string): string[][] {
  const [, table = ''] = page.split(`\n${head}\n`)
  return table.split('\n\n')[0]!.split('\n').slice(1).map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim()))
}

test('docs/command.md has each command, and what it does', () => {
  const commands = leavesOf(createProgram()).map(({ path, command }) => [`\`${path}\``, command.description()])
  assert.deepEqual(rowsBelow('| Command | |'), commands)
})

test('docs/command.md has each exit code, and what it means', () => {
  assert.deepEqual(rowsBelow('| Code | |'), (Object.keys(exitCodes) as Exit[]).map((name) => [String(exitCodes[name]), exitMeanings[name]]))
})

test('the commands of docs/command.md write what the page shows', async (t) => {
  const { streams, url } = await withServer(t)
  const bin = join(streams.home, 'bin')
  mkdirSync(bin)
  symlinkSync(entry, join(bin, 'streams'))
  const { blocks } = parse(page)
  const env = { ...streams.env, PATH: `${bin}:${streams.env['PATH']}` }
  const shown = (text: string): string => text.trimEnd().replaceAll(url, 'http://127.0.0.1:9000').replaceAll(streams.home, '/home/ada')
    .replace(/[\d,]+\/s/g, 'N/s')
  let commands = 0
  for (const [index, { language, text }] of blocks.entries()) {
    if (language !== 'sh') continue
    commands++
    const { stdout } = await run('bash', ['-ec', text.replaceAll('http://127.0.0.1:9000', url)], { cwd: streams.home, env })
    assert.equal(shown(stdout), shown(blocks[index + 1]!.text))
  }
  assert.ok(commands >= 5)
})
