import { connectToTokens, listenForTokens } from '../../src/adapters/sqlite/token-socket.ts'
import { openStore } from '../support/storage/sqlite.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { callsContract, counted } from './calls.contract.ts'
import { groupStoreContract } from './group-store.contract.ts'
import { recordStoreContract } from './record-store.contract.ts'
import { segmentStoreContract } from './segment-store.contract.ts'
import { tokenStoreContract } from './token-store.contract.ts'
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
tokenStoreContract('sqlite', (t) => {
  const { tokens } = openStore(t)
  return [tokens, tokens]
})
tokenStoreContract('sqlite, over the socket in the data folder,', async (t) => {
  const folder = temporaryFolder(t)
  const server = await listenForTokens(folder, openStore(t, folder).tokens)
  t.after(() => { server.close() })
  const [one, other] = await Promise.all([connectToTokens(folder), connectToTokens(folder)])
  return [one!, other!]
})
callsContract('sqlite', (t, onCall) => counted(openStore(t), onCall))
