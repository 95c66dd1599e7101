import assert from 'node:assert/strict'
import { copyFileSync, existsSync, fdatasync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SqliteStore } from '../../../src/adapters/sqlite/open.ts'
import { StoreError } from '../../../src/ports/errors.ts'
import { bodyOf } from '../../support/processes/sqlite.ts'
import { reserve } from '../../support/storage/items.ts'
import { append, object, openStore, startProcess } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

describe('the embedded store keeps what it has acknowledged', () => {
  test('when the process is killed, whenever that is', async (t) => {
    const folder = temporaryFolder(t)
    const taken = new Map<string, Set<number>>([['a', new Set()], ['b', new Set()], ['c', new Set()]])
    let acknowledged = 0
    // On a busy machine a process may not get far before it is killed.
    for (let round = 0; round < 12 || (acknowledged <= 100 && round < 100); round++) {
      const child = startProcess(t, 'append', folder)
      assert.deepEqual((await child.lines.next()).value, { opened: true })
      setTimeout(() => child.process.kill('SIGKILL'), 5 + Math.random() * 150)
      const lasts: [string, number][] = []
      for await (const { topic, first, last } of child.lines as AsyncGenerator<{ topic: string, first: number, last: number }>) {
        for (let offset = first; offset <= last; offset++) {
          assert.ok(!taken.get(topic)!.has(offset), `${topic} ${offset} is handed out once`)
          taken.get(topic)!.add(offset)
        }
        lasts.push([topic, last])
      }
      await child.closed
      assert.equal(child.process.signalCode, 'SIGKILL', child.stderr())

      const store = openStore(t, folder)
      for (const [topic, last] of lasts) await has(store, topic, last, bodyOf(topic, last))
      store.close()
      acknowledged += lasts.length
    }
    t.diagnostic(`${acknowledged} appends acknowledged`)
    assert.ok(acknowledged > 100)
  })

  // A power cut leaves at least what was in the files when the last flush that has ended began. So that is what every
  // answer given by then must be found in: puts, what lists and gets showed, and the ends that readers were told.
  test('when the power fails, whenever that is', async (t) => {
    const power = cuttablePower(t)
    const store = openStore(t, power.folder, { sync: power.sync })
    const told: Told = { bodies: new Map(), ends: new Map() }
    const stop = new AbortController()
    const actors = [
      'a', 'a', 'b', 'b', 'c'
    ].flatMap((topic) => [writer(store, topic, told, stop.signal), reader(store, topic, told, stop.signal)])
    for (let cut = 0; cut < 25; cut++) {
      await delay(Math.random() * 20)
      const found = openStore(t, power.cut())
      const { bodies, ends } = { bodies: new Map(told.bodies), ends: new Map(told.ends) }
      for (const [key, body] of bodies) {
        const [topic = '', last] = key.split(' ')
        await has(found, topic, Number(last), body)
      }
      for (const [topic, end] of ends) {
        const { first } = await reserve(found.topics, topic, 1)
        assert.ok(first > end, `${topic}: ${first} is handed out, and a reader was told that ${end} is taken`)
      }
      found.close()
    }
    stop.abort()
    await Promise.all(actors)
    t.diagnostic(`${told.bodies.size} objects and ${told.ends.size} ends told`)
    assert.ok(told.bodies.size > 50)
  })

  test('and answers only after the flush, except that a reservation is handed out at once', async (t) => {
    const flushes: ((error: Error | null) => void)[] = []
    const store = openStore(t, undefined, { sync: (_, done) => { flushes.push(done) } })
    const { reservedAtMs: at } = await reserve(store.topics, 't', 1)
    const answered: string[] = []
    const calls: Record<string, Promise<unknown>> = {
      end: store.topics.read('t'),
      put: store.segments.putIfAbsent('t', 1, object('x'), { reservedAtMs: at }),
      second: store.segments.putIfAbsent('t', 1, object('y'), { reservedAtMs: at }),
      get: store.segments.get('t', 1),
      list: store.segments.list('t', 1, 1)
    }
    const answers = Promise.all(Object.entries(calls).map(([name, call]) => call.then(() => answered.push(name))))
    await delay(20)
    assert.equal(answered.length, 0)
    assert.equal(flushes.length, 1, 'one flush for all of them')

    const late = store.segments.putIfAbsent('t', 2, object('z'), { reservedAtMs: at }).then(() => answered.push('late'))
    await delay(20)
    assert.equal(flushes.length, 1, 'the next one waits for the first')
    flushes[0]!(null)
    await answers
    await delay(20)
    assert.deepEqual(answered, Object.keys(calls), 'what came after its start is not covered by a flush')
    assert.equal(flushes.length, 2)
    flushes[1]!(null)
    await late

    await store.segments.get('t', 1)
    assert.equal(flushes.length, 2, 'nothing new, nothing to wait for')
  })
})

describe('the embedded store with a disk that fails', () => {
  // The kernel reports a failed flush once and may drop the pages: a later flush succeeds without having written them.
  test('acknowledges nothing and tells nothing any more, until it is opened again', async (t) => {
    const folder = temporaryFolder(t)
    let broken = false
    const store = openStore(t, folder, {
      sync: (descriptor, done) => {
        if (!broken) return fdatasync(descriptor, done)
        broken = false
        setImmediate(done, new Error('EIO: i/o error, fdatasync'))
      }
    })
    assert.equal(await append(store, 't', 'first'), 1)
    const { reservedAtMs: at } = await reserve(store.topics, 't', 2)
    broken = true
    const put = store.segments.putIfAbsent('t', 2, object('second'), { reservedAtMs: at })
    const end = store.topics.read('t')
    await assert.rejects(put, failed('unknown'))
    await assert.rejects(end, failed('none'))

    await assert.rejects(store.segments.putIfAbsent('t', 3, object('third'), { reservedAtMs: at }), failed('none'))
    await assert.rejects(reserve(store.topics, 't', 1), failed('none'))
    await assert.rejects(store.topics.read('t'), failed('none'))
    await assert.rejects(store.topics.raiseEarliest('t', 2, {}), failed('none'))
    await assert.rejects(store.topics.markDeleted('t', 2), failed('none'))
    // Not even reading: a hole here may turn out to be a message after the restart.
    await assert.rejects(store.segments.get('t', 1), failed('none'))
    await assert.rejects(store.segments.list('t', 1, 10), failed('none'))
    await assert.rejects(store.segments.remove('t', [1]), failed('none'))
    await assert.rejects(store.segments.check(), failed('none'))
    await assert.rejects(store.topics.check(), failed('none'))
    store.close()

    const again = openStore(t, folder)
    await has(again, 't', 1, 'first')
    assert.equal(await again.segments.get('t', 3), undefined)
    assert.equal(await append(again, 't', 'fourth'), 4)
  })

  test('says so after it was closed, and lets calls that came before end', async (t) => {
    const folder = temporaryFolder(t)
    const store = openStore(t, folder)
    const { reservedAtMs: at } = await reserve(store.topics, 't', 1)
    const put = store.segments.putIfAbsent('t', 1, object('x'), { reservedAtMs: at })
    store.close()
    store.close()
    assert.equal(await put, 'created')
    await assert.rejects(store.segments.get('t', 1), (error) => (
      error instanceof StoreError && error.failure === 'unavailable' && error.effect === 'none' &&
        error.message === 'The database is closed'))
    await has(openStore(t, folder), 't', 1, 'x')
  })
})

test('the embedded store\'s write-ahead log does not grow without bound', async (t) => {
  const folder = temporaryFolder(t)
  const store = openStore(t, folder)
  const body = Buffer.alloc(50_000, 'x')
  for (let i = 0; i < 1_000; i++) await append(store, 't', body)
  const { size } = statSync(join(folder, 'streams.db-wal'))
  assert.ok(size < 8_000_000, `${size} bytes`)
  assert.ok(statSync(join(folder, 'streams.db')).size > 40_000_000)
})

test('the embedded store\'s clock is not the machine\'s: that one may be set while the store runs', async (t) => {
  let wall = 1_000_000
  let elapsed = 0
  const store = openStore(t, undefined, { now: () => wall, elapsed: () => elapsed })
  const time = async (): Promise<number> => (await store.segments.list('t', 1, 1)).now
  assert.equal(await time(), 1_000_000)
  wall = 5_000_000
  elapsed = 10
  assert.equal(await time(), 1_000_010)
  const { reservedAtMs: at } = await reserve(store.topics, 't', 1)
  wall = 0
  elapsed = 30
  assert.equal(await time(), 1_000_030)
  elapsed += 15 * 60_000 - 19
  await assert.rejects(store.segments.putIfAbsent('t', 1, object('late'), { reservedAtMs: at }), (error) => (
    error instanceof StoreError && error.failure === 'expired' && error.effect === 'none'))
  elapsed -= 1
  assert.equal(await store.segments.putIfAbsent('t', 1, object('in time'), { reservedAtMs: at }), 'created')
})

async function has (store: SqliteStore, topic: string, last: number, body: string): Promise<void> {
  const found = await store.segments.get(topic, last)
  assert.ok(found !== undefined, `${topic} ${last} is there`)
  assert.equal(Buffer.from(found.body).toString(), body)
}

function failed (effect: StoreError['effect']): (error: unknown) => boolean {
  return (error) => error instanceof StoreError && error.failure === 'unavailable' && error.effect === effect &&
    error.message.includes('until a restart')
}

interface Told { readonly bodies: Map<string, string>, readonly ends: Map<string, number> }

async function writer (store: SqliteStore, topic: string, told: Told, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { last, reservedAtMs: at } = await reserve(store.topics, topic, 1)
    await delay(Math.random() * 4)
    // Some are given up, some are refused by a reader's seal, and a few are large.
    if (Math.random() < 0.2) continue
    const body = bodyOf(topic, last).repeat(Math.random() < 0.1 ? 30 : 1)
    if (await store.segments.putIfAbsent(topic, last, object(body), { reservedAtMs: at }) === 'created') {
      told.bodies.set(`${topic} ${last}`, body)
    }
  }
}

async function reader (store: SqliteStore, topic: string, told: Told, signal: AbortSignal): Promise<void> {
  for (let from = 1; !signal.aborted; await delay(Math.random() * 4)) {
    const end = (await store.topics.read(topic))?.currentOffset ?? 0
    told.ends.set(topic, Math.max(end, told.ends.get(topic) ?? 0))
    if (end > 0 && Math.random() < 0.3) {
      if (await store.segments.putIfAbsent(topic, end, object('seal'), { reservedAtMs: null }) === 'created') {
        told.bodies.set(`${topic} ${end}`, 'seal')
      }
    }
    for (const { lastOffset: last } of (await store.segments.list(topic, from, 5)).entries) {
      told.bodies.set(`${topic} ${last}`, Buffer.from((await store.segments.get(topic, last))!.body).toString())
      from = last + 1
    }
  }
}

/** Flushes that take their time, and copies of the store's files as the newest of them has certainly left them. */
function cuttablePower (t: TestContext): { folder: string, sync: typeof fdatasync, cut: () => string } {
  const above = temporaryFolder(t)
  const folder = join(above, 'store')
  let onDisk: string | undefined
  let copies = 0
  const sync = (descriptor: number, done: (error: Error | null) => void): void => {
    const copy = copyOf(folder)
    setTimeout(() => {
      fdatasync(descriptor, (error) => {
        onDisk = copy
        done(error)
      })
    }, Math.random() * 5)
  }
  function copyOf (from: string): string {
    const to = join(above, `${copies++}`)
    mkdirSync(to)
    // This opens and closes the database and so loses its lock, which nobody here needs.
    for (const file of ['streams.db', 'streams.db-wal']) if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file))
    return to
  }
  return { folder, sync: sync as typeof fdatasync, cut: () => copyOf(onDisk ?? folder) }
}
