import { createMemorySegmentStore } from '../../src/adapters/memory/segment-store.ts'
import { createS3SegmentStore } from '../../src/adapters/s3/segment-store.ts'
import { localstack, withoutLocalstack } from '../support/storage/localstack.ts'
import { openStore } from '../support/storage/sqlite.ts'
import { namedSegmentsContract } from './named-segments.contract.ts'

namedSegmentsContract('memory', () => createMemorySegmentStore())
namedSegmentsContract('sqlite', (t) => openStore(t).segments)
namedSegmentsContract('S3 (LocalStack)', async (t) => {
  const { settings, bucket } = await localstack(t)
  const store = createS3SegmentStore({ ...settings, bucket })
  t.after(() => { store.close() })
  return store
}, { skip: withoutLocalstack })
