import { localstack, withoutLocalstack } from '../support/localstack.ts'
import { startServer } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { httpSuite } from './suite.ts'

httpSuite('a server on memory', (t) => startServer(t, { DATA_DIR: ':memory:' }))

httpSuite('a server on SQLite', (t) => startServer(t, { DATA_DIR: temporaryFolder(t) }))

httpSuite('a server on S3 and DynamoDB (LocalStack)', async (t) => {
  const { settings: { endpoint, region, credentials }, bucket, table } = await localstack(t)
  return startServer(t, {
    BUCKET_NAME: bucket,
    COUNTERS_TABLE: table,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey
  })
}, { skip: withoutLocalstack })
