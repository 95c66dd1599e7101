import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startServer } from '../support/processes/server.ts'
import { environmentOf, localstack, withoutLocalstack } from '../support/storage/localstack.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { everything, httpSuite } from './http.suite.ts'

httpSuite('a server on memory', (t) => startServer(t, { DATA_DIR: ':memory:' }))

httpSuite('a server on SQLite', (t) => startServer(t, { DATA_DIR: temporaryFolder(t) }))

httpSuite('a server on S3 and DynamoDB (LocalStack)', async (t) => startServer(t, environmentOf(await localstack(t))), {
  skip: withoutLocalstack
})

httpSuite('a server on SQLite with a token that was made by the command', async (t) => {
  const env = { DATA_DIR: temporaryFolder(t), PATH: process.env['PATH'] ?? '' }
  const command = ['src/token.ts', 'create', '--name', 'test', ...everything.flatMap((grant) => ['--allow', grant])]
  const { stdout } = await promisify(execFile)(process.execPath, command, { env })
  const { baseUrl } = await startServer(t, { DATA_DIR: env.DATA_DIR, AUTH: 'tokens' })
  return { baseUrl, token: stdout.trim() }
}, { contractOnly: true })
