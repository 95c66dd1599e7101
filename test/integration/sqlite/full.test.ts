import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SqliteStore } from '../../../src/adapters/sqlite/open.ts'
import { RESERVE_BYTES } from '../../../src/adapters/sqlite/space.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { createLog } from '../../../src/domain/log/log.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { exactly, reserve } from '../../support/storage/items.ts'
import { ask, assertProblem, consume, produce } from '../../support/http/requests.ts'
import { startServer } from '../../support/processes/server.ts'
import { bodyOf } from '../../support/processes/sqlite.ts'
import { createVersion1 } from '../../support/storage/sqlite-v1.ts'
import { append, object, openStore, startFailure, startProcess } from '../../support/storage/sqlite.ts'

const body = Buffer.alloc(20_000, 'x')

// A disk of a few megabytes, for which it takes root on Linux.
describe('the embedded store on a full disk', { skip: mountFails() }, () => {
  test('refuses appends at once and goes on reading, and goes on writing when there is space', async (t) => {
    const disk = smallDisk(t)
    const folder = join(disk.path, 'data')
    const store = openStore(t, folder)
    for (let i = 0; i < 300; i++) await append(store, 't', body)
    disk.fill()
    await sleep(300)

    await assert.rejects(append(store, 't', body), full)
    await assert.rejects(append(store, 't', 'small'), full)
    await assert.rejects(store.segments.check(), full)
    assert.equal((await store.topics.read('t'))!.currentOffset, 300, 'no offset is taken for what is refused')
    assert.equal((await lastsOf(store)).length, 300)
    for (let last = 1; last <= 300; last++) assert.ok(body.equals((await store.segments.get('t', last))!.body), `${last}`)

    disk.free()
    await sleep(300)
    await store.segments.check()
    assert.equal(await append(store, 't', 'there is space'), 301)
    for (let i = 0; i < 20; i++) await append(store, 'other', body)
    store.close()
    const again = openStore(t, folder)
    assert.equal((await lastsOf(again)).length, 301)
    assert.ok(body.equals((await again.segments.get('other', 20))!.body))
  })

  test('starts with what a killed process left in the log, and reads it; writes when there is space', async (t) => {
    const disk = smallDisk(t)
    const folder = join(disk.path, 'data')
    const killed = startProcess(t, 'append', folder)
    const acknowledged: Array<[string, number]> = []
    for await (const { topic, last } of killed.lines as AsyncGenerator<{ topic?: string, last: number }>) {
      if (topic !== undefined) acknowledged.push([topic, last])
      if (acknowledged.length === 1_500) break
    }
    killed.process.kill('SIGKILL')
    await killed.closed
    disk.fill()

    const store = openStore(t, folder)
    for (const [topic, last] of acknowledged) {
      assert.equal(Buffer.from((await store.segments.get(topic, last))!.body).toString(), bodyOf(topic, last))
    }
    await assert.rejects(store.segments.check(), full)
    await assert.rejects(append(store, 'a', 'x'), full)

    disk.free()
    await sleep(300)
    const last = await append(store, 'a', 'there is space')
    store.close()
    const again = openStore(t, folder)
    assert.equal(Buffer.from((await again.segments.get('a', last))!.body).toString(), 'there is space')
    for (const [topic, last] of acknowledged) {
      assert.equal(Buffer.from((await again.segments.get(topic, last))!.body).toString(), bodyOf(topic, last))
    }
  })

  test('does not start in a new folder, where there is nothing to read', async (t) => {
    const disk = smallDisk(t)
    disk.fill()
    const folder = join(disk.path, 'empty')
    mkdirSync(folder)
    assert.throws(() => openStore(t, folder), startFailure('full', folder, 'no space'))
    disk.free()
    assert.equal(await append(openStore(t, folder), 't', 'x'), 1)
  })

  test('does not start with a file of an older version, which it would have to convert, and leaves it as it is', async (t) => {
    const disk = smallDisk(t)
    const folder = join(disk.path, 'old')
    mkdirSync(folder)
    createVersion1(folder)()
    disk.fill()
    for (const start of [1, 2]) assert.throws(() => openStore(t, folder), startFailure('full', folder, 'older version'), `start ${start}`)
    disk.free()
    assert.equal(await append(openStore(t, folder), 'kept', 'x'), 8)
  })

  test('does not believe what was rolled back', async (t) => {
    const disk = smallDisk(t)
    const store = openStore(t, join(disk.path, 'data'))
    const producers = new Map(Array.from({ length: 64 }, (_, i) => [`producer ${i}`, 'x'.repeat(1_000)]))
    const { item } = await reserve(store.topics, 't', 64, { producers })
    disk.fill()
    // Upkeep uses what is free, and here nothing is.
    const found = new Map([...producers.keys()].map((id) => [id, { last: 64, text: 'y'.repeat(1_000) }]))
    const refused = async (): Promise<boolean> => await store.topics.raiseEarliest('t', 2, { producers: found }).then(() => false, full)
    assert.ok(await refused() && await refused())
    assert.deepEqual(exactly(await store.topics.read('t')), exactly(item))
    disk.free()
    await sleep(300)
    const raised = await store.topics.raiseEarliest('t', 2, { producers: found })
    assert.deepEqual([raised.kind, raised.item?.producers], ['changed', found])
  })

  test('a server answers reads, refuses appends with 507, is not ready, and goes on by itself, over a restart too', async (t) => {
    const disk = smallDisk(t)
    const environment = { DATA_DIR: join(disk.path, 'data') }
    const first = await startServer(t, environment)
    assert.equal((await produce(first.baseUrl, 'a', '{"payload":1}')).status, 200)
    disk.fill()
    await sleep(300)
    await isFull(first.baseUrl)

    first.child.kill('SIGKILL')
    await first.ended
    const second = await startServer(t, environment)
    await isFull(second.baseUrl)
    const errors = second.lines.slice(1).map((line) => JSON.parse(line) as { level: string, msg: string })
      .filter(({ level }) => level === 'error')
    assert.equal(errors[0]!.msg, 'store is full: appends are refused, reads continue')

    disk.free()
    // Longer than results of checks are kept.
    await sleep(1_100)
    assert.equal((await ask(second.baseUrl, { path: '/ready' })).status, 200)
    assert.equal((await produce(second.baseUrl, 'a', '{"payload":2}')).text, '{"topic":"a","offset":2}')
  })
})

async function isFull (baseUrl: string): Promise<void> {
  const refused = await Promise.all([
    produce(baseUrl, 'a', '{"payload":1}'), produce(baseUrl, 'a', '{"payload":1}'), produce(baseUrl, 'b', '{"payload":1}')
  ])
  for (const answer of refused) {
    assertProblem(answer, 'storage_full', 'No space is left in the storage. Reading goes on.', 'no')
    assert.equal(answer.headers['retry-after'], '30')
  }
  const ready = await ask(baseUrl, { path: '/ready' })
  assertProblem(ready, 'storage_unavailable', 'Not ready: data folder (full).')
  assert.equal((await ask(baseUrl, { path: '/health' })).status, 200)
  const page = JSON.parse((await consume(baseUrl, 'a')).text) as { messages: unknown[], next_offset: number }
  assert.deepEqual([page.messages.length, page.next_offset], [1, 2])
}

describe('the embedded store and the space it keeps free', () => {
  test('appends leave it, seals and trims may use it, and what a trim frees is there for appends', async (t) => {
    let free = Infinity
    let time = 0
    const store = openStore(t, undefined, { freeBytes: () => free, elapsed: () => time })
    const log = createLog({ ...store, clock: systemClock, compression: 'none' })
    const message = [{ payload: `"${'x'.repeat(1_000_000)}"` }]
    for (let i = 0; i < 15; i++) await log.append('t', message)
    const { last, reservedAtMs: at } = await reserve(store.topics, 't', 1)

    free = 1
    time += 1_000 // The space is asked for again.
    await assert.rejects(store.segments.putIfAbsent('t', last, object(body), { reservedAtMs: at }), full)
    assert.equal(await store.segments.putIfAbsent('t', last, object('a seal'), { reservedAtMs: null }), 'created')
    assert.equal(await log.trim('t', 16), 16)
    time += 1_000
    assert.equal((await log.append('u', [{ payload: '1' }])).first, 1)
  })

  test('an append that does not fit beside it is refused, a smaller one is not', async (t) => {
    const store = openStore(t, undefined, { freeBytes: () => RESERVE_BYTES + 1_000_000 })
    await assert.rejects(append(store, 't', Buffer.alloc(1_000_000)), full)
    assert.equal(await append(store, 't', 'small'), 2)
  })
})

function full (error: unknown): boolean {
  return error instanceof StoreError && error.failure === 'full' && error.effect === 'none' &&
    error.message.startsWith('The disk of the data folder is full')
}

interface Disk { readonly path: string, readonly fill: () => void, readonly free: () => void }

/** A file system of its own, gone with the test. */
function smallDisk (t: TestContext): Disk {
  const path = mkdtempSync(join(tmpdir(), 'streams-disk-'))
  t.after(() => {
    execFileSync('umount', ['--lazy', path])
    rmSync(path, { recursive: true })
  })
  mount(path)
  const ballast = join(path, 'ballast')
  return {
    path,
    fill () {
      const page = Buffer.alloc(4_096)
      try {
        for (;;) writeFileSync(ballast, page, { flag: 'a' })
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      }
    },
    free () { rmSync(ballast) }
  }
}

function mount (path: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', path], { stdio: 'pipe' })
}

function mountFails (): string | false {
  const path = mkdtempSync(join(tmpdir(), 'streams-disk-'))
  try {
    mount(path)
    execFileSync('umount', [path])
    return false
  } catch (error) {
    return `a small file system cannot be mounted here: ${(error as Error).message}`
  } finally {
    rmSync(path, { recursive: true })
  }
}

/** All keys of the topic; a list may hold fewer than were asked for. */
async function lastsOf ({ segments }: SqliteStore): Promise<number[]> {
  const lasts: number[] = []
  for (;;) {
    const { entries, truncated } = await segments.list('t', (lasts.at(-1) ?? 0) + 1, 10_000)
    lasts.push(...entries.map(({ lastOffset }) => lastOffset))
    if (!truncated) return lasts
  }
}
