import { createMemoryGroupStore } from '../../src/adapters/memory/group-store.ts'
import { createMemoryRecordStore } from '../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { createMemoryTokenStore } from '../../src/adapters/memory/token-store.ts'
import { createMemoryTopicStore } from '../../src/adapters/memory/topic-store.ts'
import { callsContract, counted } from './calls.contract.ts'
import { groupStoreContract } from './group-store.contract.ts'
import { recordStoreContract } from './record-store.contract.ts'
import { segmentStoreContract } from './segment-store.contract.ts'
import { tokenStoreContract } from './token-store.contract.ts'
import { topicStoreContract } from './topic-store.contract.ts'

segmentStoreContract('memory', () => createMemorySegmentStore())
topicStoreContract('memory', () => {
  const store = createMemoryTopicStore()
  return [store, store]
})
recordStoreContract('memory', () => {
  const store = createMemoryRecordStore()
  return [store, store]
})
groupStoreContract('memory', () => {
  const store = createMemoryGroupStore()
  return [store, store]
}, { exactTime: true })
tokenStoreContract('memory', () => {
  const store = createMemoryTokenStore()
  return [store, store]
})
callsContract('memory', (_, onCall) => counted({
  segments: createMemorySegmentStore(), topics: createMemoryTopicStore(), records: createMemoryRecordStore()
}, onCall))
