/*
 * The snippets of README and of the pages that show requests are run against a real server, one for each page:
 *
 * - a `sh` block is run by a shell, in the order of the page; it must succeed, and print the `json` or `text` block that
 *   follows it immediately. A command that does not end by itself is ended when it has printed that.
 * - a `js` block that begins with `// NAME.mjs` is saved under that name, for the commands after it.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { type CodeBlock, documents, parse, read, root } from '../../support/docs/markdown.ts'
import { startServer } from '../../support/processes/server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const placeholder = 'http://127.0.0.1:9000'
const answerMs = 20_000
/** For which a command that has printed what is expected could still print something else. */
const furtherMs = 500
/** Commands on pages with requests that need more than a server: npm installs, and stays in the foreground. */
const notRun = /^(npm ci|npm start|npm run bench|npm run sweep|npm run copy|docker |export BUCKET_NAME|HOST=)/
const npx = /npx streams/

const pages = documents().filter((path) => path === 'README.md' || (path.startsWith('docs/') && commandsOf(path).length > 0))

function commandsOf (path: string): CodeBlock[] {
  return parse(read(path)).blocks.filter(({ language, text }) => language === 'sh' && (text.includes(placeholder) || npx.test(text)))
}

test('these pages show requests', () => {
  assert.deepEqual(pages, [
    'README.md', 'docs/consuming.md', 'docs/groups.md', 'docs/operations.md', 'docs/producing.md', 'docs/quickstart.md', 'docs/topics.md'
  ])
  assert.equal(commandsOf('README.md').length, 6)
})

for (const path of pages) {
  test(`the snippets of ${path} do what it shows`, { concurrency: true }, async (t) => {
    const folder = temporaryFolder(t)
    const data = join(folder, 'data')
    // `npx streams` and the client are found there.
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const server = await startServer(t, { DATA_DIR: data, LOG_LEVEL: 'silent' })
    const page = parse(read(path))
    const adapted = (text: string): string => text
      .replaceAll(placeholder, server.baseUrl)
      .replaceAll('wait=20', 'wait=0.3')
      .replaceAll('npm run backup --', `node ${join(root, 'src/backup.ts')}`)
      .replaceAll('npm run -s token --', `node ${join(root, 'src/token.ts')}`)
    for (const [index, block] of page.blocks.entries()) {
      const name = block.language === 'js' ? /^\/\/ (\w+\.mjs)\n/.exec(block.text)?.[1] : undefined
      if (block.language === 'js') assert(name !== undefined, `${path}:${block.line}: expected a first line such as // name.mjs`)
      if (name !== undefined) writeFileSync(join(folder, name), adapted(block.text))
      if (block.language !== 'sh' || notRun.test(block.text)) continue
      await t.test(`line ${block.line}`, { skip: lacks(block) }, async () => {
        const expected = printed(page.blocks[index + 1], block)
        const output = await shell(adapted(block.text), { cwd: folder, data, url: server.baseUrl, expected })
        if (expected !== undefined) assert.deepEqual(comparable(output), comparable(expected))
      })
    }
  })
}

function lacks ({ text }: CodeBlock): string | false {
  const needed = ['jq', 'split', 'gzip'].filter((tool) => new RegExp(`(^|\\| )${tool} `, 'm').test(text))
  const missing = needed.filter((tool) => !process.env['PATH']!.split(delimiter).some((folder) => existsSync(join(folder, tool))))
  return missing.length > 0 && `${missing.join()} is not installed`
}

/** The text of the block if it follows `command` immediately and is output. */
function printed (block: CodeBlock | undefined, command: CodeBlock): string | undefined {
  const endOfCommand = command.line + command.text.split('\n').length + 1
  return block !== undefined && block.line === endOfCommand + 2 && ['json', 'text'].includes(block.language) ? block.text : undefined
}

interface Shell { readonly cwd: string, readonly data: string, readonly url: string, readonly expected: string | undefined }

/** Runs a script until it ends, or until it has printed what is expected. @returns its output */
async function shell (script: string, { cwd, data, url, expected }: Shell): Promise<string> {
  const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter)
  // In a process group of its own, because the shell's children have to be ended, too.
  const env = { PATH, HOME: cwd, DATA_DIR: data, STREAMS_URL: url }
  const child = spawn('sh', ['-ec', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let [output, errors, ended] = ['', '', false]
  let timer = setTimeout(end, answerMs)
  function end (): void {
    ended = true
    process.kill(-child.pid!, 'SIGKILL')
  }
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (expected === undefined || comparable(output) !== comparable(expected)) return
    clearTimeout(timer)
    timer = setTimeout(end, furtherMs)
  })
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const [code] = await once(child, 'close') as [number | null]
  clearTimeout(timer)
  if (!ended) assert.equal(code, 0, `${script}\n${output}${errors}`)
  else assert.equal(comparable(output), comparable(expected ?? ''), errors)
  return output
}

/** JSON may be on several lines in a page. Times and the ids of leases differ. */
function comparable (text: string): string {
  const masked = text.trim()
    .replaceAll(/"(timestamp|expires_at)":\d{13}(?!\d)/g, '"$1":MS')
    .replaceAll(/"expires_in_ms":\d+/g, '"expires_in_ms":MS')
    .replaceAll(/"id":"[\w-]{48}"/g, '"id":"ID"')
  return masked.startsWith('{\n  ') ? JSON.stringify(JSON.parse(masked)) : masked
}
