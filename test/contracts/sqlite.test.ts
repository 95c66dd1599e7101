import { openStore } from '../support/sqlite.ts'
import { callsContract, counted } from './calls.ts'
import { offsetCounterContract } from './offset-counter.ts'
import { segmentStoreContract } from './segment-store.ts'

segmentStoreContract('sqlite', (t) => openStore(t).segments)
offsetCounterContract('sqlite', (t) => openStore(t).counter, { ownTime: true })
callsContract('sqlite', (t, onCall) => counted(openStore(t), onCall))
