import { test } from 'node:test'
import { audience, createKey, inSeconds, issuerName, sign, startIssuer } from '../support/http/issuer.ts'
import { lambdaBridge, type Handler } from '../support/lambda/bridge.ts'
import { functionUrlEvent, restEvent } from '../support/lambda/events.ts'
import { everything, httpSuite } from './http.suite.ts'

const key = await createKey('key')
// The issuer lives as long as this process.
const issuer = await startIssuer({ after () {} }, [key])
test.after(() => { issuer.close() })
Object.assign(process.env, {
  DATA_DIR: ':memory:',
  LOG_LEVEL: 'silent',
  AUTH: 'jwt',
  JWT_ISSUER: issuerName,
  JWT_AUDIENCE: audience,
  JWT_JWKS_URL: issuer.url,
  BUCKET_NAME: '',
  COUNTERS_TABLE: ''
})
const { handler } = await import('../../src/lambda.ts') as { handler: Handler }
const token = await sign(key, { exp: inSeconds(3_600), scope: everything.join(' ') })

for (const [name, toEvent] of [['a REST API', restEvent], ['a function URL', functionUrlEvent]] as const) {
  httpSuite(`Lambda behind ${name}, with a JWT`, async (t) => ({ ...await lambdaBridge(t, handler, (sent) => toEvent(sent)), token }),
    { paths: 'normalized', buffered: true, contractOnly: true })
}
