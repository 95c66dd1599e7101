import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSweeping } from '../../src/app/sweeper.ts'
import type { Catalog, Swept, SweepOptions } from '../../src/domain/catalog/catalog.ts'
import { LogError } from '../../src/domain/errors.ts'
import { eventually } from '../support/eventually.ts'
import { logLines } from '../support/http/log-lines.ts'

const calls = { read: 1, write: 1, list: 1, remove: 1 }
const nothing: Swept = { topics: 1, results: [], records: 0, calls }

/** A catalog whose sweeps end as they are told to. */
function scripted (...answers: Swept[]) {
  const asked: SweepOptions[] = []
  const state = { running: 0, most: 0 }
  const catalog = {
    async sweep (options: SweepOptions): Promise<Swept> {
      asked.push(options)
      state.most = Math.max(state.most, ++state.running)
      await new Promise((resolve) => { setTimeout(resolve, 20) })
      state.running--
      return answers.shift() ?? nothing
    }
  } as unknown as Catalog
  return { catalog, asked, state }
}

test('sweeps come one after the other, and each says what it removed and what it cost', async () => {
  const { logger, lines } = logLines()
  const removed = { topic: 'a', before: 5, segments: 2, bytes: 300, calls, cutShort: false }
  const { catalog, asked, state } = scripted({ ...nothing, topics: 3, results: [removed], records: 4, next: 'b' }, nothing)
  const sweeper = startSweeping(catalog, 1, logger)
  await eventually(() => asked.length > 6)
  await sweeper.stop()
  assert.equal(state.most, 1)
  assert.equal(state.running, 0)
  assert.deepEqual(asked.slice(0, 3).map(({ after }) => after), [undefined, 'b', undefined])
  const [topic, sweep] = lines().map(({ level: _level, time: _time, duration_ms: _ms, ...line }) => line)
  assert.deepEqual([topic, sweep], [
    { topic: 'a', earliest: 5, segments: 2, bytes: 300, calls, msg: 'topic swept' },
    { topics: 4, segments: 2, bytes: 300, records: 4, calls: { read: 2, write: 2, list: 2, remove: 2 }, msg: 'swept' }
  ])
  const { length } = asked
  await new Promise((resolve) => { setTimeout(resolve, 50) })
  assert.equal(asked.length, length, 'none after the stop')
})

test('a sweep that fails is logged, and the next one goes on behind it', async () => {
  const { logger, lines } = logLines()
  const error = new LogError('storage_unavailable', 'The storage could not be reached.')
  const { catalog, asked } = scripted({
    ...nothing, results: [{ topic: 'a', before: undefined, segments: 0, bytes: 0, calls, cutShort: false, error }], next: 'k', error
  })
  const sweeper = startSweeping(catalog, 1, logger)
  await eventually(() => asked.length > 2)
  await sweeper.stop()
  assert.deepEqual(asked.slice(0, 3).map(({ after }) => after), [undefined, 'k', undefined])
  assert.deepEqual(lines().slice(0, 3).map(({ level, msg, code }) => [level, msg, code]), [
    ['warn', 'topic could not be swept', 'storage_unavailable'],
    ['info', 'swept', undefined],
    ['error', 'sweep failed', 'storage_unavailable']
  ])
})

test('a stop during a sweep aborts it', async () => {
  const { logger } = logLines()
  const { catalog, asked } = scripted({ ...nothing, next: 'b' })
  const sweeper = startSweeping(catalog, 1, logger)
  await eventually(() => asked.length === 1)
  await sweeper.stop()
  assert.equal(asked.length, 1)
  assert.equal(asked[0]!.signal!.aborted, true)
})
