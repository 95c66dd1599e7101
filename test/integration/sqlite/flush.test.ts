import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { bodyOf } from '../../support/processes/sqlite.ts'
import { openStore, startProcess } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

// What SQLite itself asks of the kernel, watched and made to fail by strace.
describe('the embedded store and SQLite\'s own flushes', { skip: straceMissing() }, () => {
  // What a killed process left in the log is in the kernel's memory, maybe on no disk. A reader is about to be told of it.
  test('at its start, what it found in the log is written to the database and flushed before anything is answered', async (t) => {
    const folder = temporaryFolder(t)
    const killed = startProcess(t, 'append', folder)
    for (let i = 0; i < 50; i++) await killed.lines.next()
    killed.process.kill('SIGKILL')
    await killed.closed

    const trace = join(temporaryFolder(t), 'trace')
    const calls = 'pwrite64,fsync,fdatasync,ftruncate,write'
    const next = startProcess(t, 'open', folder, { under: ['strace', '-f', '-y', '-o', trace, '-e', `trace=${calls}`] })
    assert.deepEqual((await next.lines.next()).value, { opened: true })
    next.process.stdin!.end()
    await next.closed
    const steps = readFileSync(trace, 'utf8').split('\n').flatMap((line) => {
      const [, call, file] = /(\w+)\(\d+<([^>]*)>/.exec(line) ?? []
      if (line.includes('opened')) return ['answer']
      const path = join(folder, 'streams.db')
      return file === path ? [`${call} database`] : file === `${path}-wal` ? [`${call} log`] : []
    })
    const untilAnswer = steps.slice(0, steps.indexOf('answer')).filter((step, i, all) => step !== all[i - 1])
    assert.deepEqual(untilAnswer.filter((step) => step !== 'ftruncate database'),
      ['pwrite64 log', 'fsync log', 'pwrite64 database', 'fsync database', 'ftruncate log'])
  })

  // SQLite's automatic checkpoints swallow a failed flush of the log. A later one then succeeds without the pages that
  // the first one lost, and what is acknowledged on its strength is gone with a power cut.
  test('whichever of them fails, nothing is acknowledged after it', async (t) => {
    const refused: unknown[] = []
    for (let nth = 1; nth <= 6; nth++) {
      const folder = temporaryFolder(t)
      const inject = [
        '-f', '-o', '/dev/null', '-P', join(folder, 'streams.db-wal'), '-e', 'trace=fsync', '-e', `inject=fsync:error=EIO:when=${nth}`
      ]
      const child = startProcess(t, 'append', folder, { under: ['strace', ...inject] })
      const acknowledged: [string, number][] = []
      let failure: unknown
      for await (const line of child.lines) {
        if ('last' in line) acknowledged.push([String(line.topic), Number(line.last)])
        if ('failure' in line) failure = line.message
        if (acknowledged.length > 3_000) break
      }
      assert.match(String(failure), /cannot be opened: disk I\/O error|refuses all calls until a restart/,
        `flush ${nth}, after ${acknowledged.length} appends`)
      await child.closed
      refused.push(acknowledged.length > 0)

      const store = openStore(t, folder)
      for (const [topic, last] of acknowledged) {
        assert.equal(Buffer.from((await store.segments.get(topic, last))!.body).toString(), bodyOf(topic, last))
      }
      store.close()
    }
    assert.ok(refused.includes(true), 'some failed only when the log was moved to the database')
  })
})

function straceMissing (): string | false {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'pipe' })
    return false
  } catch (error) {
    return `strace cannot be used here: ${(error as Error).message}`
  }
}
