import { test } from 'node:test'
import { audience, createKey, inSeconds, issuerName, sign, startIssuer } from '../support/http/issuer.ts'
import { functionUrlEvent, restEvent, type Sent } from '../support/lambda/events.ts'
import { buffered } from '../support/lambda/running.ts'
import { everything, httpSuite } from './http.suite.ts'

const key = await createKey('key')
// The issuer lives as long as this process.
const issuer = await startIssuer({ after () {} }, [key])
test.after(() => { issuer.close() })
const environment = { AUTH: 'jwt', JWT_ISSUER: issuerName, JWT_AUDIENCE: audience, JWT_JWKS_URL: issuer.url }
const token = await sign(key, { exp: inSeconds(3_600), scope: everything.join(' ') })

for (const [name, toEvent] of [['a REST API', (sent: Sent) => restEvent(sent)], ['a function URL', functionUrlEvent]] as const) {
  httpSuite(`Lambda behind ${name}, with a JWT`, async (t) => ({ ...await buffered(t, { toEvent, environment }), token }),
    { paths: 'normalized', buffered: true, contractOnly: true })
}
