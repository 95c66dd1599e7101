import { createMemoryOffsetCounter } from '../../src/adapters/memory/offset-counter.ts'
import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { callsContract, counted } from './calls.ts'
import { offsetCounterContract } from './offset-counter.ts'
import { segmentStoreContract } from './segment-store.ts'

segmentStoreContract('memory', () => createMemorySegmentStore())
offsetCounterContract('memory', () => createMemoryOffsetCounter())
callsContract('memory', (_, onCall) => counted({ segments: createMemorySegmentStore(), counter: createMemoryOffsetCounter() }, onCall))
