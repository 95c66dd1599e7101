import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AppendConditions, Log } from '../../../../src/domain/log/log.ts'
import { createOperation, noCalls, type StorageCalls } from '../../../../src/domain/operation.ts'
import type { NewMessage } from '../../../../src/domain/segments/message.ts'
import { losesNextAnswer, messages, seq } from '../../../support/appends.ts'
import { testLog, type TestLog, type TestProcess } from '../../../support/test-log.ts'

type Calls = Partial<StorageCalls>

/** An append, of which calls are counted. */
interface Counted {
  readonly name: string
  /** What `process` does before; by default it appends the first seq of a producer. */
  readonly before?: (process: TestProcess, test: TestLog) => Promise<unknown>
  readonly append: readonly [messages: readonly NewMessage[], conditions: AppendConditions]
  /** In the process that made the calls before it, which caches segments. */
  readonly known: Calls
  /** In a process that knows nothing. */
  readonly unknown: Calls
  /** Of these, calls that nobody waits for. They are not the append's. */
  readonly inBackground?: Calls
}

const withCache = { limits: { segmentCacheBytes: 1_000_000 } }

const plain: Calls = { reserve: 1, put: 1 }

const first = ({ log }: { log: Log }): Promise<unknown> => log.append('t', messages(1), seq(0))

// The table of log §6.10.
const table: Counted[] = [
  { name: 'plain', append: [messages(2), {}], known: plain, unknown: plain },
  { name: 'first of a producer', append: [messages(2), seq(0, { id: 'q' })], known: plain, unknown: plain },
  { name: 'expected offset', append: [messages(2), { expectedOffset: 2 }], known: plain, unknown: plain },
  { name: 'next of a producer', append: [messages(2), seq(1)], known: plain, unknown: { state: 1, get: 1, reserve: 1, put: 1 } },
  {
    name: 'repeat',
    before: async ({ log }) => {
      for (const n of [0, 1]) await log.append('t', messages(n), seq(n))
    },
    append: [messages(1), seq(1)],
    known: { state: 1 },
    unknown: { state: 1, get: 1 }
  },
  {
    name: 'repeat of an older seq',
    before: async ({ log }) => {
      for (const n of [0, 1, 2]) await log.append('t', messages(n), seq(n))
    },
    append: [messages(1), seq(1)],
    known: { state: 1 },
    unknown: { state: 1, list: 1, get: 1 }
  },
  // The id is taken for a new one, which the update refuses.
  { name: 'repeat of seq 0', append: [messages(1), seq(0)], known: { state: 1 }, unknown: { reserve: 1, get: 1 } },
  {
    name: 'close with a last append',
    append: [messages(2), { close: true }],
    known: { reserve: 2, put: 1 },
    unknown: { reserve: 2, put: 1 },
    inBackground: { reserve: 1 }
  },
  { name: 'close alone', append: [[], { close: true }], known: { reserve: 1 }, unknown: { state: 1, reserve: 1 } },
  {
    name: 'new key',
    append: [messages(2), { key: 'k' }],
    known: { state: 1, reserve: 3, put: 1 },
    unknown: { state: 1, reserve: 3, put: 1 },
    inBackground: { reserve: 1 }
  },
  {
    name: 'repeat of a key',
    before: async ({ log }, { clock }) => {
      await log.append('t', messages(1), { key: 'k' })
      await clock.sleep(1)
    },
    append: [messages(1), { key: 'k' }],
    known: { state: 2 },
    unknown: { state: 2 }
  },
  {
    name: 'repeat of a key that is not noted to stand',
    before: async ({ log, faults }, { clock }) => {
      faults.records.replace = (call, [, { last }, seen]) => seen === last ? new Promise(() => {}) : call()
      await log.append('t', messages(1), { key: 'k' })
      await clock.sleep(30_000)
    },
    append: [messages(1), { key: 'k' }],
    known: { state: 2 },
    unknown: { state: 2, get: 1 }
  },
  { name: 'order', append: [messages(2), { order: 'a' }], known: plain, unknown: plain },
  {
    name: 'belief that was wrong',
    before: async (process, { other }) => {
      await first(process)
      await other.append('t', [], { close: true })
      await other.deleteTopic('t')
      await other.append('t', messages(7), seq(0, { id: 'q' }))
    },
    append: [messages(2), seq(0, { id: 'q', epoch: 1 })],
    known: { reserve: 2, get: 1, put: 1 },
    unknown: { reserve: 2, get: 1, put: 1 }
  }
]

/** The calls that the stores got; the append is told of the same, but for those in the background. */
async function calledBy ({ log, calls }: TestProcess, { append: [list, conditions], inBackground = {} }: Counted, { clock }: TestLog) {
  const before = { ...calls }
  const operation = createOperation()
  const told = await log.append('t', list, conditions, operation).then(() => ({ ...operation.calls }))
  await clock.sleep(1)
  const made = counts((name) => calls[name] - before[name])
  assert.deepEqual(counts((name) => told[name] + (inBackground[name] ?? 0)), made, 'the append is told of its calls')
  return made
}

function counts (of: (name: keyof StorageCalls) => number): Calls {
  const all = (Object.keys(noCalls()) as Array<keyof StorageCalls>).map((name) => [name, of(name)] as const)
  return Object.fromEntries(all.filter(([, count]) => count !== 0))
}

describe('calls of an append', () => {
  for (const row of table) {
    const { name, before = first, known, unknown } = row
    test(`${name}, by a process that knows the item`, async (t) => {
      const process = testLog(t, withCache)
      await before(process, process)
      assert.deepEqual(await calledBy(process, row, process), known)
    })

    test(`${name}, by a process that knows nothing`, async (t) => {
      const process = testLog(t, withCache)
      await before(process, process)
      assert.deepEqual(await calledBy(process.start(), row, process), unknown)
    })
  }
})

test('appends that share a read, or find out about a range together, are each told of its calls', async (t) => {
  const { log, start } = testLog(t)
  for (const n of [0, 1]) await log.append('t', messages(n), seq(n))
  const { log: other } = start()
  const operations = [createOperation(), createOperation()]
  await Promise.all(operations.map((operation) => other.append('t', messages(1), seq(1), operation)))
  assert.deepEqual(operations.map(({ calls: { state, get } }) => [state, get]), [[1, 2], [1, 2]])
})

test('an append whose update\'s answer was lost is told of the calls that sealed its range', async (t) => {
  const process = testLog(t)
  await process.log.append('t', messages(0), seq(0))
  losesNextAnswer(process)
  const before = { ...process.calls }
  const operation = createOperation()
  await process.log.append('t', messages(1), seq(1), operation)
  const { calls } = process
  assert.deepEqual(counts((name) => operation.calls[name]), counts((name) => calls[name] - before[name]))
})
