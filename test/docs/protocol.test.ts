import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createMemoryRecordStore } from '../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { defaultLimits } from '../../src/domain/limits.ts'
import { createLog } from '../../src/domain/log/log.ts'
import { Lookahead, SizeEstimate } from '../../src/domain/log/lookahead.ts'
import { createOperation } from '../../src/domain/operation.ts'
import { encodeSegment, type Segment } from '../../src/domain/segments/segment.ts'

const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
const [text = '', table = ''] = document.split('\n## Limits\n')
const KiB = 1024
const units: Record<string, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, days: 86_400_000, bytes: 1, KiB, MiB: KiB * KiB }

test('docs/protocol.md has the values of the limits that it names', () => {
  const rows = [...table.matchAll(/^\| ([A-Z_]+) \| `(\w+)` \| ([\d.]+)(?: (\w+))? \|/gm)]
  for (const [, name, limit = '', value, unit] of rows) {
    assert.equal(Number(value) * (unit === undefined ? 1 : units[unit]!), defaultLimits[limit as keyof typeof defaultLimits], name)
  }
  // Settings and constants of other systems are in backquotes.
  const used = new Set(text.replaceAll(/`[^`]*`/g, '').match(/\b[A-Z]+(?:_[A-Z]+)+\b/g))
  assert.deepEqual(rows.map(([, name]) => name), [...used].sort())
})

test('docs/protocol.md gives the values in the text as in the table', () => {
  const values = new Map([...table.matchAll(/^\| ([A-Z_]+) \| `\w+` \| ([\d.]+(?: \w+)?) \|/gm)].map(([, name, value]) => [name, value]))
  const given = [...text.matchAll(/\b([A-Z]+(?:_[A-Z]+)+) \(([\d.]+(?: \w+)?)\)/g)]
  assert.notEqual(given.length, 0)
  for (const [, name, value] of given) assert.equal(value, values.get(name), name)
})

test('the reads of the example in §4.2 make the calls that it lists', async () => {
  const segments = createMemorySegmentStore()
  const topics = createMemoryTopicStore()
  const records = createMemoryRecordStore()
  for (const count of [3, 1, 5]) {
    const reserved = await topics.reserve('t', { count }, { closed: null, closing: null, config: null }, { now: Date.now() })
    assert.ok(reserved.kind === 'reserved')
    const { first, last } = reserved
    const messages = Array.from({ length: count }, () => ({ payload: '0' }))
    const { object } = encodeSegment(messages, { first, timestamp: 1, writer: 'w', compression: 'none', compressOverBytes: KiB })
    await segments.putIfAbsent('t', last, object, { reservedAtMs: null })
  }
  const read = async (from: number, limit: number) => {
    const log = createLog({ segments, topics, records, clock: systemClock, compression: 'none' })
    const operation = createOperation()
    const { count, nextOffset } = await log.read('t', { from, limit, maxBytes: KiB * KiB }, operation)
    const { state, list, get } = operation.calls
    return { count, nextOffset, state, list, get }
  }
  assert.deepEqual(await read(10, 10), { count: 0, nextOffset: 10, state: 1, list: 0, get: 0 })
  assert.deepEqual(await read(5, 10), { count: 5, nextOffset: 10, state: 1, list: 0, get: 1 })
  assert.deepEqual(await read(4, 10), { count: 6, nextOffset: 10, state: 1, list: 0, get: 2 })
  assert.deepEqual(await read(2, 2), { count: 2, nextOffset: 4, state: 1, list: 1, get: 1 })
  await assert.rejects(read(11, 10), { code: 'offset_out_of_range' })
})

test('the page of the example in §4.2 fetches its segments in two rounds', async () => {
  const entries = Array.from({ length: 20 }, (_, i) => ({ lastOffset: (i + 1) * 100, size: 10 * KiB, lastModified: 0 }))
  let round: number[] = []
  const load = async ({ lastOffset: last }: { lastOffset: number }): Promise<Segment> => {
    round.push(last / 100)
    return { kind: 'messages', first: last - 99, last, bytes: 100 * KiB } as Segment
  }
  const { readConcurrency: concurrency, readAheadBytes: aheadBytes } = defaultLimits
  const lookahead = new Lookahead(entries, load, { sizes: new SizeEstimate(), concurrency, aheadBytes })
  const rounds: number[][] = []
  for (let i = 0; i < 10; i++) {
    lookahead.plan(i, { lastOffset: 1_000, bytes: (4 * KiB - i * 100) * KiB, taken: i * 100 * KiB })
    if (round.length > 0) rounds.push(round)
    round = []
    await lookahead.take(i)
  }
  assert.deepEqual(rounds, [[1, 2, 3, 4], [5, 6, 7, 8, 9, 10]])
})
