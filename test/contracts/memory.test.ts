import { createMemoryOffsetCounter } from '../../src/adapters/memory/offset-counter.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { callsContract, counted } from './calls.contract.ts'
import { offsetCounterContract } from './offset-counter.contract.ts'
import { segmentStoreContract } from './segment-store.contract.ts'

segmentStoreContract('memory', () => createMemorySegmentStore())
offsetCounterContract('memory', () => createMemoryOffsetCounter())
callsContract('memory', (_, onCall) => counted({ segments: createMemorySegmentStore(), counter: createMemoryOffsetCounter() }, onCall))
