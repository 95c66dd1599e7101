import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { createLog, type Log, type Page } from '../../src/domain/log/log.ts'
import { createOperation, type Operation, type StorageCalls } from '../../src/domain/operation.ts'
import type { NewMessage } from '../../src/domain/segments/message.ts'
import type { RecordStore } from '../../src/ports/record-store.ts'
import type { SegmentStore } from '../../src/ports/segment-store.ts'
import type { TopicStore } from '../../src/ports/topic-store.ts'

export interface Stores { readonly segments: SegmentStore, readonly topics: TopicStore, readonly records: RecordStore }

/** The calls by the names that AWS bills them under. */
export type Call = 'UpdateItem' | 'GetItem' | 'PutObject' | 'GetObject' | 'ListObjectsV2'

type Counts = Partial<Record<Call, number>>

/** Two processes on the same stores: what one writes, the other has not in its cache. */
interface Processes {
  readonly writer: Log
  readonly reader: Log
  /** The requests that the storage received while `perform` ran. They must be those that the log has counted. */
  readonly count: (perform: (operation: Operation) => Promise<unknown>) => Promise<Counts>
}

/**
 * What appends and reads cost, in requests to the storage (log §3.1, §4.2).
 * @param open gives empty stores that report each request
 */
export function callsContract (
  name: string,
  open: (t: TestContext, onCall: (call: string) => void) => Stores | Promise<Stores>,
  { skip = false }: { skip?: string | false } = {}
): void {
  async function processes (t: TestContext): Promise<Processes> {
    const heard: string[] = []
    const stores = await open(t, (call) => { heard.push(call) })
    const { segments, topics, records } = stores
    const log = (): Log => createLog({ segments, topics, records, clock: systemClock, compression: 'zstd' })
    return {
      writer: log(),
      reader: log(),
      count: async (perform) => {
        heard.length = 0
        const operation = createOperation()
        await perform(operation)
        const counts: Record<string, number> = {}
        for (const call of heard) counts[call] = (counts[call] ?? 0) + 1
        assert.deepEqual(counts, inNamesOfAws(operation.calls), 'the log says the same')
        return counts
      }
    }
  }

  describe(`calls over ${name}`, { skip }, () => {
    test('an append of any size is one update and one put', async (t) => {
      const { writer, count } = await processes(t)
      for (const messages of [1, 2, 100, 1_000]) {
        const calls = await count((operation) => writer.append('t', batch(messages), {}, operation))
        assert.deepEqual(calls, { UpdateItem: 1, PutObject: 1 }, `${messages} messages`)
      }
    })

    test('a poll that finds nothing is one read of the item', async (t) => {
      const { writer, reader, count } = await processes(t)
      assert.deepEqual(await count((operation) => poll(reader, 1, 1_000, operation)), { GetItem: 1 }, 'a topic that nobody wrote to')
      await writer.append('t', batch(100))
      assert.deepEqual(await count((operation) => poll(reader, 101, 1_000, operation)), { GetItem: 1 })
      assert.deepEqual(await count((operation) => poll(writer, 101, 1_000, operation)), { GetItem: 1 }, 'in the process that writes')
    })

    for (const [what, ...sizes] of [
      ['a single message', 1],
      ['a batch of 100', 100],
      ['two single messages', 1, 1],
      ['two batches', 100, 20],
      ['a batch and a single message', 100, 1]
    ] as const) {
      test(`a following poll that finds ${what}: one read of the item, a GET for each segment, no LIST`, async (t) => {
        const { writer, reader, count } = await processes(t)
        await writer.append('t', batch(10))
        await poll(reader, 1)
        for (const size of sizes) await writer.append('t', batch(size))
        assert.deepEqual(await count((operation) => poll(reader, 11, 1_000, operation)), { GetItem: 1, GetObject: sizes.length })
        const again = (log: Log): Promise<Counts> => count((operation) => poll(log, 11, 1_000, operation))
        assert.deepEqual(await again(reader), { GetItem: 1 }, 'a second reader in the same process')
        assert.deepEqual(await again(writer), { GetItem: 1 }, 'a reader in the process that wrote')
      })
    }

    test('pages of a few messages out of one large segment find it once, and fetch it once', async (t) => {
      const { writer, reader, count } = await processes(t)
      for (let n = 0; n < 3; n++) await writer.append('t', batch(100))
      assert.deepEqual(await count((operation) => poll(reader, 101, 10, operation)), { GetItem: 1, ListObjectsV2: 1, GetObject: 1 })
      for (let from = 111; from <= 191; from += 10) {
        assert.deepEqual(await count((operation) => poll(reader, from, 10, operation)), { GetItem: 1 }, `from ${from}`)
      }
    })
  })
}

/** Stores whose every call is one request. */
export function counted ({ segments, topics, records }: Stores, onCall: (call: Call) => void): Stores {
  return {
    segments: told(segments, { putIfAbsent: 'PutObject', get: 'GetObject', list: 'ListObjectsV2' }, onCall),
    topics: told(topics, { reserve: 'UpdateItem', markClosed: 'UpdateItem', read: 'GetItem' }, onCall),
    records: told(records, { replace: 'UpdateItem', read: 'GetItem' }, onCall)
  }
}

/** The port with the calls of some of its methods told, each by the name of its request. */
function told<Port extends object> (port: Port, names: { readonly [Method in keyof Port]?: Call }, onCall: (call: Call) => void): Port {
  return new Proxy(port, {
    get (target, name: string & keyof Port) {
      const method: unknown = target[name]
      if (typeof method !== 'function') return method
      return (...parameters: unknown[]): unknown => {
        const call = names[name]
        if (call !== undefined) onCall(call)
        return (method as (...parameters: unknown[]) => unknown).apply(target, parameters)
      }
    }
  })
}

function inNamesOfAws ({ reserve, state, put, get, list }: StorageCalls): Counts {
  const counts = { UpdateItem: reserve, GetItem: state, PutObject: put, GetObject: get, ListObjectsV2: list }
  return Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0))
}

/** Long enough to be compressed, each of them. */
function batch (size: number): NewMessage[] {
  return Array.from({ length: size }, (_, i) => ({ payload: `{"n":${i},"text":"${'serverless streams '.repeat(80)}"}` }))
}

function poll (log: Log, from: number, limit = 1_000, operation?: Operation): Promise<Page> {
  return log.read('t', { from, limit, maxBytes: 4_000_000 }, operation)
}
