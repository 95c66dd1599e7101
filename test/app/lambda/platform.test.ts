import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HttpEvent, identityOf } from '../../../src/app/lambda/event.ts'
import type { Handler, LambdaAnswer } from '../../support/lambda/bridge.ts'
import { functionUrlEvent, httpApiEvent, httpApiEventV1, lambdaContext, restEvent, type Sent } from '../../support/lambda/events.ts'

Object.assign(process.env, { DATA_DIR: ':memory:', LOG_LEVEL: 'silent', AUTH: 'platform', BUCKET_NAME: '', COUNTERS_TABLE: '' })
const { handler } = await import('../../../src/lambda.ts') as { handler: Handler }

const list: Sent = { method: 'GET', url: '/topics' }

/** The event with those members in its context. */
function within (event: object, more: object): HttpEvent {
  const { requestContext } = event as { requestContext: object }
  return { ...event, requestContext: { ...requestContext, ...more } } as HttpEvent
}

const arn = 'arn:aws:iam::123456789012:user/alice'

const authenticated: Array<[name: string, event: HttpEvent, identity: string]> = [
  ['REST API, IAM', within(restEvent(list), { identity: { userArn: arn, user: 'AIDA', apiKeyId: 'k' } }), `iam:${arn}`],
  ['REST API, Cognito', within(restEvent(list), { authorizer: { claims: { sub: 'alice', email: 'a@example.com' } } }), 'jwt:alice'],
  ['REST API, Lambda authorizer', within(restEvent(list), { authorizer: { principalId: 'alice', x: 1 } }), 'authorizer:alice'],
  ['REST API, certificate', within(restEvent(list), { identity: { clientCert: { subjectDN: 'CN=alice' } } }), 'certificate:CN=alice'],
  ['HTTP API, JWT', within(httpApiEvent(list), { authorizer: { jwt: { claims: { sub: 'alice' }, scopes: null } } }), 'jwt:alice'],
  ['HTTP API, JWT of a client', within(httpApiEvent(list), { authorizer: { jwt: { claims: { client_id: 'c' } } } }), 'jwt:c'],
  ['HTTP API, IAM', within(httpApiEvent(list), { authorizer: { iam: { userArn: arn, userId: 'AIDA' } } }), `iam:${arn}`],
  ['HTTP API, Lambda authorizer', within(httpApiEvent(list), { authorizer: { lambda: { principalId: 'alice' } } }), 'authorizer:alice'],
  ['HTTP API, Lambda authorizer, unnamed', within(httpApiEvent(list), { authorizer: { lambda: null } }), 'authorizer:unnamed'],
  ['HTTP API, payload 1.0', within(httpApiEventV1(list), { authorizer: { claims: { sub: 'alice' } } }), 'jwt:alice'],
  ['function URL, IAM', within(functionUrlEvent(list), { authorizer: { iam: { userArn: arn } } }), `iam:${arn}`]
]

const call = async (event: object): Promise<LambdaAnswer> => await handler(event as never, lambdaContext() as never) as LambdaAnswer

for (const [name, event, identity] of authenticated) {
  test(`${name}: who was authenticated may do everything`, async () => {
    assert.equal(identityOf(event), identity)
    assert.equal((await call(event)).statusCode, 200)
  })
}

test('a request of nobody is refused, whatever its headers say', async () => {
  const headers = {
    authorization: 'Bearer x', 'x-amzn-oidc-identity': 'alice', 'x-forwarded-user': 'alice', 'x-amzn-iam-user-arn': arn, 'x-api-key': 'k'
  }
  const sent = { ...list, headers }
  const nobody = [
    restEvent(sent), httpApiEvent(sent), httpApiEventV1(sent), functionUrlEvent(sent),
    within(restEvent(sent), { identity: { apiKeyId: 'k', apiKey: 'k', userArn: null } }),
    within(httpApiEvent(sent), { authorizer: {} }),
    within(httpApiEvent(sent), { authorizer: null }),
    within(httpApiEvent(sent), { authorizer: { iam: { userArn: '' }, jwt: null } })
  ]
  for (const event of nobody) {
    assert.equal(identityOf(event), undefined)
    const { statusCode, body } = await call(event)
    assert.equal(statusCode, 401)
    assert.match(body, /The platform has authenticated nobody: the API or the function URL needs an authorizer\./)
  }
  assert.equal((await call(restEvent({ method: 'GET', url: '/health' }))).statusCode, 200)
})
