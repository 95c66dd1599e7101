import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import type { SqliteStore } from '../../../src/adapters/sqlite/open.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { defaultLimits } from '../../../src/domain/limits.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import { offsetsOf } from '../../support/http/pages.ts'
import { reserve } from '../../support/storage/items.ts'
import { openStore } from '../../support/storage/sqlite.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const hours = 3_600_000
const now = Date.UTC(2026, 0, 1)
const graceOverMs = defaultLimits.holeGraceMs + 1

/** Clocks of one machine; `wall` may be set to anything. */
class Machine {
  wall = now
  #elapsed = 0
  readonly options = { now: () => this.wall, elapsed: () => this.#elapsed }

  pass (ms: number): void {
    this.wall += ms
    this.#elapsed += ms
  }
}

/** A folder that is opened again and again, by processes whose clocks are the machine's. */
class Restarts {
  readonly folder: string
  readonly #t: TestContext
  readonly #machine: Machine
  #store: SqliteStore | undefined

  constructor (t: TestContext, machine: Machine) {
    this.#t = t
    this.#machine = machine
    this.folder = temporaryFolder(t)
  }

  open (): { store: SqliteStore, log: Log } {
    this.#store?.close()
    const store = this.#store = openStore(this.#t, this.folder, this.#machine.options)
    const log = createLog({ ...store, clock: { ...systemClock, wall: this.#machine.options.now }, compression: 'none' })
    return { store, log }
  }
}

const jumps: Array<[string, number]> = [
  ['2 hours ahead', 2 * hours],
  ['400 days ahead', 400 * 24 * hours],
  ['at the end of time', 8.64e15 - now],
  ['2 hours behind', -2 * hours],
  ['at 1970', -now]
]

describe('the embedded store after its clock was wrong', () => {
  for (const [where, jump] of jumps) {
    test(`holes made with the clock ${where} are passed within the grace after it is right again`, async (t) => {
      const machine = new Machine()
      const restarts = new Restarts(t, machine)
      machine.wall += jump
      const { store, log } = restarts.open()
      await reserve(store.topics, 'below', 1) // its writer dies
      await log.append('below', [{ payload: '2' }])
      await reserve(store.topics, 'tail', 2)

      machine.wall = now
      const { log: later } = restarts.open()
      machine.pass(graceOverMs)
      assert.deepEqual(await readToEnd(later, 'below'), [2])
      assert.deepEqual(await readToEnd(later, 'tail'), [])
    })

    test(`with the clock ${where} for one run in between, holes made before and after are passed, and times do not go back`, async (t) => {
      const machine = new Machine()
      const restarts = new Restarts(t, machine)
      const times: number[] = []
      for (const offset of [0, jump, 0, jump]) {
        machine.wall = now + offset
        const { store, log } = restarts.open()
        for (const topic of ['t', `only ${times.length}`]) {
          await reserve(store.topics, topic, 1)
          await log.append(topic, [{ payload: '1' }])
        }
        await reserve(store.topics, 't', 1)
        times.push((await store.segments.list('t', 1, 1)).now)
        machine.pass(graceOverMs)
        assert.equal((await readToEnd(log, 't')).length, times.length)
        const { reservedAtMs: reservedAt } = (await store.topics.read('t'))!
        assert.ok(Number.isSafeInteger(reservedAt))
      }
      assert.deepEqual(times, times.toSorted((a, b) => a - b))
    })
  }

  test('holes that an earlier version left, whose clock went back over a restart, are passed', async (t) => {
    const machine = new Machine()
    const restarts = new Restarts(t, machine)
    const { store, log } = restarts.open()
    await reserve(store.topics, 't', 1)
    await log.append('t', [{ payload: '2' }])
    await log.append('later', [{ payload: '1' }])
    store.close()
    const file = new DatabaseSync(join(restarts.folder, 'streams.db'))
    file.exec(`UPDATE segments SET modified_ms = modified_ms + ${100 * 24 * hours} WHERE topic = 't'`)
    file.close()

    const { store: reopened, log: reader } = restarts.open()
    const { now: time, entries } = await reopened.segments.list('t', 1, 1)
    assert.ok(entries[0]!.lastModified > time, 'the segment is from the future')
    assert.deepEqual(await readToEnd(reader, 't'), [2])
  })
})

/** The offsets that a reader gets in a bounded number of polls. */
async function readToEnd (log: Log, topic: string): Promise<number[]> {
  const offsets: number[] = []
  const end = await log.position(topic, 'latest')
  for (let at = 1, polls = 0; at < end; polls++) {
    assert.ok(polls < 10, `still at ${at} of ${end}`)
    const page = await log.read(topic, { from: at, limit: 100, maxBytes: 100_000 })
    offsets.push(...offsetsOf(page))
    at = page.nextOffset
  }
  return offsets
}
