import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FlushQueue } from '../../../src/adapters/sqlite/flush-queue.ts'

/** A queue whose flushes end when the test says so, and what its callers have been told, in order. */
function queueUnderTest () {
  const running: Array<(error: Error | null) => void> = []
  const told: string[] = []
  let started = 0
  const queue = new FlushQueue((done) => {
    started++
    running.push(done)
  }, (error) => { queue.rejectAll(error) })
  return {
    queue,
    told,
    get started () { return started },
    write (name: string): void {
      queue.add()
      queue.flushed().then(
        () => { told.push(`${name} flushed`) },
        (error: unknown) => { told.push(`${name}: ${(error as Error).message}`) })
    },
    async end (error: Error | null = null): Promise<void> {
      running.shift()!(error)
      await turn()
    }
  }
}

test('without writes nothing has to be flushed, and nothing is', async () => {
  const at = queueUnderTest()
  await at.queue.flushed()
  assert.equal(at.queue.isFlushed, true)
  await turn()
  assert.equal(at.started, 0)
})

test('writes without a caller that waits are not flushed', async () => {
  const at = queueUnderTest()
  at.queue.add()
  await turn()
  assert.deepEqual([at.started, at.queue.isFlushed], [0, false])
})

test('all writes of one turn share a flush, which starts after the turn', async () => {
  const at = queueUnderTest()
  at.write('a')
  at.write('b')
  assert.equal(at.started, 0)
  await turn()
  assert.deepEqual([at.started, at.told], [1, []])
  await at.end()
  assert.deepEqual([at.started, at.told, at.queue.isFlushed], [1, ['a flushed', 'b flushed'], true])
})

test('a write during a flush waits for the next one, which starts after it', async () => {
  const at = queueUnderTest()
  at.write('a')
  await turn()
  at.write('b')
  at.write('c')
  await turn()
  assert.equal(at.started, 1)
  await at.end()
  assert.deepEqual([at.started, at.told, at.queue.isFlushed], [2, ['a flushed'], false])
  await at.end()
  assert.deepEqual([at.started, at.told, at.queue.isFlushed], [2, ['a flushed', 'b flushed', 'c flushed'], true])
})

test('a caller that only reads waits for the running flush if that covers all writes', async () => {
  const at = queueUnderTest()
  at.write('a')
  await turn()
  at.queue.flushed().then(() => { at.told.push('reader') }, () => {})
  await at.end()
  assert.deepEqual([at.started, at.told], [1, ['a flushed', 'reader']])
})

test('after a failed flush all callers are rejected, those of the next one, too', async () => {
  const at = queueUnderTest()
  at.write('a')
  await turn()
  at.write('b')
  await at.end(new Error('EIO'))
  assert.deepEqual([at.started, at.told, at.queue.isFlushed], [1, ['a: EIO', 'b: EIO'], false])
})

test('callers can be rejected before their flush has started or ended', async () => {
  const at = queueUnderTest()
  at.write('a')
  at.queue.rejectAll(new Error('disk full'))
  await turn()
  at.write('b')
  at.queue.rejectAll(new Error('disk full'))
  await at.end()
  assert.deepEqual([at.started, at.told], [1, ['a: disk full', 'b: disk full']])
})

test('it is idle when the flushes for all callers have ended', async () => {
  const at = queueUnderTest()
  const idle = (): void => { at.told.push('idle') }
  at.queue.whenIdle(idle)
  assert.deepEqual(at.told, ['idle'])
  at.write('a')
  at.queue.whenIdle(idle)
  await turn()
  at.write('b')
  await at.end()
  assert.deepEqual(at.told, ['idle', 'a flushed'])
  await at.end()
  assert.deepEqual(at.told, ['idle', 'a flushed', 'idle', 'b flushed'])
})
