import { startServer } from '../support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from '../support/storage/localstack.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { httpSuite } from './http.suite.ts'

httpSuite('a server on memory', (t) => startServer(t, { DATA_DIR: ':memory:' }))

httpSuite('a server on SQLite', (t) => startServer(t, { DATA_DIR: temporaryFolder(t) }))

httpSuite('a server on S3 and DynamoDB (LocalStack)', async (t) => startServer(t, environmentOf(await localstack(t))), {
  skip: withoutLocalstack
})
