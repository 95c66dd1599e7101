import { lambdaBridge, type Handler } from '../support/lambda/bridge.ts'
import { functionUrlEvent, httpApiEvent, restEvent } from '../support/lambda/events.ts'
import { httpSuite } from './http.suite.ts'

Object.assign(process.env, { DATA_DIR: ':memory:', LOG_LEVEL: 'silent', AUTH: 'none', BUCKET_NAME: '', COUNTERS_TABLE: '' })
const { handler } = await import('../../src/lambda.ts') as { handler: Handler }

httpSuite('Lambda behind a REST API', (t) => lambdaBridge(t, handler, (sent) => restEvent(sent)), { paths: 'normalized', buffered: true })
httpSuite('Lambda behind an HTTP API', (t) => lambdaBridge(t, handler, (sent) => httpApiEvent(sent, { base64: true })), {
  paths: 'decoded',
  buffered: true
})
httpSuite('Lambda behind a function URL', (t) => lambdaBridge(t, handler, functionUrlEvent), { paths: 'normalized', buffered: true })
