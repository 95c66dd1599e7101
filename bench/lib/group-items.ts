import { createMemoryGroupStore } from '../../src/adapters/memory/group-store.ts'
import { createMemoryRecordStore } from '../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { createMemoryTopicStore } from '../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { createGroups, type Groups } from '../../src/domain/groups/groups.ts'
import { createLog } from '../../src/domain/log/log.ts'
import type { GroupItem } from '../../src/ports/group-store.ts'

const name = { topic: 'orders', group: 'billing' }
const keys = 500
const messages = 2_000

/** A state of a group that is common, and how many bytes its item may have (groups §2.3). */
interface Case {
  readonly name: string
  readonly goal: number
  readonly mode: 'shared' | 'keyed'
  /** Leases, of so many messages each. */
  readonly leases: number
  readonly limit: number
}

const cases: readonly Case[] = [
  { name: 'nothing leased', goal: 300, mode: 'shared', leases: 0, limit: 10 },
  { name: '8 leases of 10', goal: 450, mode: 'shared', leases: 8, limit: 10 },
  { name: '25 leases of 10', goal: 850, mode: 'shared', leases: 25, limit: 10 },
  { name: '64 leases of 10', goal: 2048, mode: 'shared', leases: 64, limit: 10 },
  { name: 'keyed, 8 leases of 10 different keys each', goal: 950, mode: 'keyed', leases: 8, limit: 10 }
]

export interface GroupItemSize { readonly name: string, readonly goal: number, readonly bytes: number }

/** Bytes of the item as DynamoDB counts them, for its units. */
export async function groupItemSizes (): Promise<GroupItemSize[]> {
  const sizes: GroupItemSize[] = []
  for (const { name, goal, ...state } of cases) sizes.push({ name, goal, bytes: await sizeWith(state) })
  return sizes
}

async function sizeWith ({ mode, leases, limit }: Omit<Case, 'name' | 'goal'>): Promise<number> {
  const stores = { segments: createMemorySegmentStore(), topics: createMemoryTopicStore(), records: createMemoryRecordStore() }
  const log = createLog({ ...stores, clock: systemClock, compression: 'none' })
  const store = createMemoryGroupStore()
  try {
    await log.append(name.topic, Array.from({ length: messages }, (_, index) => ({ payload: String(index), key: `key-${index % keys}` })))
    const groups = createGroups({ store, topics: stores.topics, log, clock: systemClock })
    await groups.put(name, { mode })
    for (let count = 0; count < leases; count++) await lease(groups, limit)
    return bytesOf((await store.read(name)).item!)
  } finally {
    await log.close()
  }
}

async function lease (groups: Groups, limit: number): Promise<void> {
  const { lines } = await groups.receive(name, { limit, maxBytes: 2 ** 20, waitMs: 0, acks: [] })
  if (lines.length !== limit) throw new Error(`expected ${limit} messages, got ${lines.length}`)
}

/** Names of the attributes, and their values. A number has a byte for each two digits, and one more. */
function bytesOf ({ gen, rev, by, config, state }: GroupItem): number {
  const names = 'pk'.length + 'kind'.length + 'gen'.length + 'rev'.length + 'by'.length + 'config'.length + 'state'.length
  const values = `group#${name.topic}#${name.group}`.length + 'group'.length + gen.length / 2 + Math.ceil(String(rev).length / 2) + 1 +
    Buffer.byteLength(by) + Buffer.byteLength(config) + state.length
  return names + values
}
