import { openStore } from '../support/storage/sqlite.ts'
import { callsContract, counted } from './calls.contract.ts'
import { offsetCounterContract } from './offset-counter.contract.ts'
import { segmentStoreContract } from './segment-store.contract.ts'

segmentStoreContract('sqlite', (t) => openStore(t).segments)
offsetCounterContract('sqlite', (t) => openStore(t).counter, { ownTime: true })
callsContract('sqlite', (t, onCall) => counted(openStore(t), onCall))
