import { openStore } from '../support/storage/sqlite.ts'
import { callsContract, counted } from './calls.contract.ts'
import { groupStoreContract } from './group-store.contract.ts'
import { recordStoreContract } from './record-store.contract.ts'
import { segmentStoreContract } from './segment-store.contract.ts'
import { topicStoreContract } from './topic-store.contract.ts'

segmentStoreContract('sqlite', (t) => openStore(t).segments)
topicStoreContract('sqlite', (t) => {
  const { topics } = openStore(t)
  return [topics, topics]
}, { ownTime: true })
recordStoreContract('sqlite', (t) => {
  const { records } = openStore(t)
  return [records, records]
})
groupStoreContract('sqlite', (t) => {
  const { groups } = openStore(t)
  return [groups, groups]
}, { exactTime: true })
callsContract('sqlite', (t, onCall) => counted(openStore(t), onCall))
