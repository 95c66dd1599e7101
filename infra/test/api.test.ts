import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../lib/config.ts'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { loadLambdaSettings } from '../../src/app/config.ts'
import { functionsOf, only, policyOf, type Resource, synthesize } from './support.ts'

const fronts = ['http', 'rest', 'url'] as const
const domain = { domain: 's.example.com', certificate: 'arn:aws:acm:eu-central-1:123456789012:certificate/x' }
const outputs = (template: Template): Record<string, string> =>
  Object.fromEntries(Object.entries(template.toJSON()['Outputs'] as Record<string, { Value: unknown }>)
    .map(([name, { Value }]) => [name, typeof Value === 'string' ? Value : JSON.stringify(Value)]))

for (const [front, handler, timeout] of [
  ['http', 'index.handler', 25], ['rest', 'index.streamHandler', 300], ['url', 'index.streamHandler', 300]
] as const) {
  test(`front=${front}: the function is ${handler} for ${timeout} s, and one more sweeps`, () => {
    const functions = functionsOf(synthesize({ front }).api)
    assert.deepEqual(Object.keys(functions).sort(), [handler, 'index.sweepHandler'].sort())
    assert.equal(functions[handler]!['Timeout'], timeout)
    for (const fn of Object.values(functions)) {
      assert.equal(fn['Runtime'], 'nodejs24.x')
      assert.deepEqual(fn['Architectures'], ['arm64'])
    }
  })
}

test('a buffered front is answered before API Gateway gives up after 29 s', () => {
  for (const timeout of [undefined, 1, 29]) {
    const { api } = synthesize({ front: 'http', ...timeout !== undefined && { timeout } })
    const integration = only(api, 'AWS::ApiGatewayV2::Integration').Properties
    assert.equal(integration['TimeoutInMillis'], 29_000)
    assert(Number(functionsOf(api)['index.handler']!['Timeout']) <= 29)
  }
  // The CDK itself takes any number here.
  assert.throws(() => synthesize({ front: 'http', timeout: 30 }), /timeout: expected at most 29/)
})

test('a REST API streams from the function, on the root and below it', () => {
  const { api } = synthesize({ front: 'rest', timeout: 900 })
  const methods = Object.values(api.findResources('AWS::ApiGateway::Method')) as Resource[]
  assert.equal(methods.length, 2)
  for (const { Properties } of methods) {
    assert.equal(Properties['HttpMethod'], 'ANY')
    const { ResponseTransferMode, TimeoutInMillis, Type, Uri } = Properties['Integration'] as Record<string, unknown>
    assert.deepEqual({ ResponseTransferMode, TimeoutInMillis, Type }, {
      ResponseTransferMode: 'STREAM', TimeoutInMillis: 900_000, Type: 'AWS_PROXY'
    })
    assert.match(JSON.stringify(Uri), /response-streaming-invocations/)
  }
  assert.deepEqual(only(api, 'AWS::ApiGateway::RestApi').Properties['BinaryMediaTypes'], ['*/*'])
})

test('a function URL streams', () => {
  const { api } = synthesize({ front: 'url' })
  assert.equal(only(api, 'AWS::Lambda::Url').Properties['InvokeMode'], 'RESPONSE_STREAM')
})

test('the function may make the calls of the service, and no others', () => {
  const { api } = synthesize()
  for (const name of ['FunctionRole', 'SweepRole']) {
    assert.deepEqual(policyOf(api, name).map(({ Sid, Effect, Action }) => [Sid ?? 'Log', Effect, Action]), [
      ['Log', 'Allow', ['logs:CreateLogStream', 'logs:PutLogEvents']],
      ['Items', 'Allow', ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:UpdateItem']],
      ['Lists', 'Allow', 'dynamodb:Query'],
      ['Bucket', 'Allow', 's3:ListBucket'],
      ['Objects', 'Allow', ['s3:DeleteObject', 's3:GetObject', 's3:PutObject']]
    ])
    const resources = policyOf(api, name).map(({ Resource }) => JSON.stringify(Resource))
    assert(resources.every((resource) => resource !== '"*"'), 'a permission for everything')
    assert.match(resources[2]!, /\/index\/topics"/)
    assert.match(resources[4]!, /"\/topics\/\*"/)
  }
  api.allResourcesProperties('AWS::IAM::Role', Match.not(Match.objectLike({ ManagedPolicyArns: Match.anyValue() })))
})

test('bucket and table reach the function as its settings', () => {
  const { api } = synthesize({ corsOrigins: 'https://app.example.com', settings: { RETENTION_MS: 86_400_000 } })
  for (const { Environment } of Object.values(functionsOf(api))) {
    const { Variables } = Environment as { Variables: Record<string, unknown> }
    assert.deepEqual(Object.keys(Variables).sort(), ['AUTH', 'BUCKET_NAME', 'CORS_ORIGINS', 'COUNTERS_TABLE', 'RETENTION_MS'])
    assert.match(JSON.stringify(Variables['BUCKET_NAME']), /ServerlessStreamsData:ExportsOutputRefBucket/)
    assert.match(JSON.stringify(Variables['COUNTERS_TABLE']), /ServerlessStreamsData:ExportsOutputRefTable/)
    assert.equal(Variables['RETENTION_MS'], '86400000')
  }
})

test('existing storage: no data stack, and the permissions that it needs', () => {
  const { data, api } = synthesize({ bucket: 'my-streams', table: 'my-counters', tableIndex: 'false' })
  assert.equal(data, undefined)
  const statements = policyOf(api, 'FunctionRole')
  // Tables of other implementations have no index: they are listed by a scan.
  assert.deepEqual(statements.map(({ Action }) => Action), [
    ['logs:CreateLogStream', 'logs:PutLogEvents'],
    ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:Scan', 'dynamodb:UpdateItem'],
    's3:ListBucket',
    ['s3:DeleteObject', 's3:GetObject', 's3:PutObject']
  ])
  assert.match(JSON.stringify(statements[1]!.Resource), /:dynamodb:.*:table\/my-counters"/)
  assert.match(JSON.stringify(statements[3]!.Resource), /:s3:::my-streams\/topics\/\*"/)
  const { Variables } = functionsOf(api)['index.handler']!['Environment'] as { Variables: Record<string, unknown> }
  assert.equal(Variables['BUCKET_NAME'], 'my-streams')
  assert.equal(Variables['COUNTERS_TABLE'], 'my-counters')
})

test('existing storage with the index, and a bucket with a key of its own', () => {
  const bucketKey = 'arn:aws:kms:eu-central-1:123456789012:key/x'
  const { api } = synthesize({ bucket: 'my-streams', table: 'my-counters', bucketKey })
  const statements = policyOf(api, 'FunctionRole')
  assert.equal(statements.find(({ Sid }) => Sid === 'Lists')!.Action, 'dynamodb:Query')
  assert.deepEqual(statements.find(({ Sid }) => Sid === 'Key'), {
    Sid: 'Key', Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: bucketKey
  })
})

for (const front of fronts) {
  test(`front=${front}, auth=platform: AWS checks who calls; otherwise the function does`, () => {
    const checks = (auth: string) => {
      const { api } = synthesize({ front, auth })
      if (front === 'http') return [only(api, 'AWS::ApiGatewayV2::Route').Properties['AuthorizationType']]
      if (front === 'url') return [only(api, 'AWS::Lambda::Url').Properties['AuthType']]
      return Object.values(api.findResources('AWS::ApiGateway::Method'))
        .map(({ Properties }: Record<string, Record<string, unknown>>) => Properties!['AuthorizationType'])
    }
    assert.deepEqual(new Set(checks('platform')), new Set(['AWS_IAM']))
    assert.deepEqual(new Set(checks('tokens')), new Set(['NONE']))
    const { Variables } = functionsOf(synthesize({ front, auth: 'platform' }).api)['index.sweepHandler']!['Environment'] as {
      Variables: Record<string, unknown>
    }
    assert.equal(Variables['AUTH'], 'platform')
  })
}

test('preflight requests pass where AWS checks who calls', () => {
  const cors = { auth: 'platform', corsOrigins: 'https://app.example.com' }
  synthesize({ front: 'http', ...cors }).api.hasResourceProperties('AWS::ApiGatewayV2::Route', {
    RouteKey: 'OPTIONS /{proxy+}', AuthorizationType: 'NONE'
  })
  const methods = synthesize({ front: 'rest', ...cors }).api
    .findResources('AWS::ApiGateway::Method', { Properties: { HttpMethod: 'OPTIONS', AuthorizationType: 'NONE' } })
  assert.equal(Object.keys(methods).length, 2)
})

test('JWT: issuer, audience and key set reach the function', () => {
  const jwt = { jwtIssuer: 'https://id.example.com', jwtAudience: 'streams', jwtJwksUrl: 'https://id.example.com/keys' }
  const { api } = synthesize({ auth: 'tokens,jwt', ...jwt })
  const { Variables } = functionsOf(api)['index.handler']!['Environment'] as { Variables: Record<string, unknown> }
  const { AUTH, JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL } = Variables
  assert.deepEqual([AUTH, JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URL], ['tokens,jwt', ...Object.values(jwt)])
})

test('the service starts with the settings that the stack gives it', () => {
  const jwt = { jwtIssuer: 'https://id.example.com', jwtAudience: 'streams', jwtJwksUrl: 'https://id.example.com/keys', jwtScopeClaim: 'scp' }
  const values = { AUTO_CREATE_TOPICS: 'false', LINGER_MS: 5, LOG_LEVEL: 'warn', METRICS: 'off', RATE_LIMIT: 9, RETENTION_MS: 86_400_000 }
  for (const context of [
    { auth: 'tokens', corsOrigins: 'https://app.example.com' }, { auth: 'jwt', ...jwt }, { auth: 'tokens,jwt', ...jwt },
    { auth: 'platform', settings: values }, { auth: 'none' }
  ]) {
    // The names of bucket and table are known only to CloudFormation.
    const { api } = synthesize({ ...context, bucket: 'my-streams', table: 'my-counters' })
    const { Variables } = functionsOf(api)['index.handler']!['Environment'] as { Variables: Record<string, string> }
    const settings = loadLambdaSettings({ ...Variables, AWS_LAMBDA_FUNCTION_NAME: 'f' })
    assert.deepEqual(settings.storage, {
      kind: 'aws', bucket: 'my-streams', table: 'my-counters', region: undefined, s3Endpoint: undefined, dynamoEndpoint: undefined
    })
    assert.equal(settings.access.kind, ['none', 'platform'].includes(context.auth) ? context.auth : 'bearer')
  }
})

test('auth=none is said aloud, in the synthesis and in the outputs', () => {
  const { api, app } = synthesize({ auth: 'none' })
  const messages = app.synth().stacks.flatMap((stack) => stack.messages).map(({ entry }) => JSON.stringify(entry.data))
  assert(messages.some((message) => message.startsWith('"auth=none: everybody')), messages.join('\n'))
  assert.match(outputs(api)['NoAccessControl']!, /^auth=none: everybody/)
  assert.equal(outputs(synthesize().api)['NoAccessControl'], undefined)
})

test('the outputs say where the service is, and what to type next', () => {
  const next = (context: Record<string, unknown>) => outputs(synthesize(context).api)['NextCommand']!
  assert.match(next({}), /BUCKET_NAME=.* COUNTERS_TABLE=.* AWS_REGION=.* npm run token -- create --name first --allow 'admin:\*'/)
  assert.match(next({ auth: 'none' }), /^\{"Fn::Join":\["",\["curl ".*\/topics\/orders\/produce/)
  assert.match(next({ auth: 'platform', front: 'url' }), /--aws-sigv4 aws:amz:.*:lambda --user/)
  assert.match(next({ auth: 'platform' }), /--aws-sigv4 aws:amz:.*:execute-api --user/)
  for (const front of fronts) {
    const url = outputs(synthesize({ front }).api)['Url']!
    const expected = { http: /^\{"Fn::GetAtt":\["Api.*","ApiEndpoint"\]\}$/, rest: /execute-api.*\/live"\]\]\}$/, url: /"Fn::Select":\[2/ }
    assert.match(url, expected[front])
  }
  assert.equal(outputs(synthesize({ front: 'rest', ...domain }).api)['Url'], 'https://s.example.com')
  assert.equal(outputs(synthesize({ front: 'rest', ...domain }).api)['Console'], undefined)
  assert.equal(outputs(synthesize({ front: 'rest', ...domain, console: 'true' }).api)['Console'], 'https://s.example.com/console')
})

test('the default stage of an HTTP API has a limit and a log', () => {
  const { Properties } = only(synthesize({ rate: 50, burst: 100, logDays: 7 }).api, 'AWS::ApiGatewayV2::Stage')
  assert.equal(Properties['StageName'], '$default')
  assert.deepEqual(Properties['DefaultRouteSettings'], {
    ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100, DetailedMetricsEnabled: false
  })
  const { Format } = Properties['AccessLogSettings'] as { Format: string }
  assert.deepEqual(Object.keys(JSON.parse(Format) as object), [
    'time', 'gateway_request_id', 'address', 'method', 'path', 'status', 'bytes', 'duration_ms', 'error', 'refused'
  ])
  assert.equal(only(synthesize({ accessLog: false }).api, 'AWS::ApiGatewayV2::Stage').Properties['AccessLogSettings'], undefined)
})

test('a REST API has a limit, and changes the account for its log only when asked', () => {
  const { api } = synthesize({ front: 'rest', rate: 50, burst: 100 })
  const [settings] = only(api, 'AWS::ApiGateway::Stage').Properties['MethodSettings'] as Array<Record<string, unknown>>
  assert.equal(settings!['ThrottlingRateLimit'], 50)
  assert.equal(settings!['ThrottlingBurstLimit'], 100)
  api.resourceCountIs('AWS::ApiGateway::Account', 0)
  assert.equal(only(synthesize({ front: 'rest', accessLog: true }).api, 'AWS::ApiGateway::Account').DeletionPolicy, 'Retain')
})

test('a custom domain has a record in its zone, or says which one to make', () => {
  for (const front of ['http', 'rest']) {
    const { api } = synthesize({ front, ...domain })
    assert.ok(outputs(api)['DomainTarget'])
    api.resourceCountIs('AWS::Route53::RecordSet', 0)
    const { api: withZone } = synthesize({ front, ...domain, zoneId: 'Z123', zoneName: 'example.com' })
    assert.equal(only(withZone, 'AWS::Route53::RecordSet').Properties['Name'], 's.example.com.')
    assert.equal(outputs(withZone)['DomainTarget'], undefined)
  }
})

test('logs end after some days, and have no payloads of API Gateway', () => {
  for (const front of fronts) {
    const { api } = synthesize({ front, logDays: 7, accessLog: front !== 'url' })
    api.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 })
    for (const { LoggingConfig } of Object.values(functionsOf(api))) {
      assert.equal((LoggingConfig as { LogFormat: string }).LogFormat, 'JSON')
    }
  }
  const [settings] = only(synthesize({ front: 'rest' }).api, 'AWS::ApiGateway::Stage').Properties['MethodSettings'] as Array<object>
  assert.equal('DataTraceEnabled' in settings! && settings.DataTraceEnabled, false)
})

test('a sweep runs by schedule, once for each time', () => {
  const { api } = synthesize({ sweepMinutes: 30 })
  const { ScheduleExpression, Target } = only(api, 'AWS::Scheduler::Schedule').Properties as {
    ScheduleExpression: string, Target: { RetryPolicy: unknown }
  }
  assert.equal(ScheduleExpression, 'rate(30 minutes)')
  assert.deepEqual(Target.RetryPolicy, { MaximumEventAgeInSeconds: 300, MaximumRetryAttempts: 0 })
  assert.equal(only(api, 'AWS::Lambda::EventInvokeConfig').Properties['MaximumRetryAttempts'], 0)
})

test('concurrency is reserved only when asked: an account may have little of it', () => {
  const reserved = (context = {}) => functionsOf(synthesize(context).api)['index.handler']!['ReservedConcurrentExecutions']
  assert.equal(reserved(), undefined)
  assert.equal(reserved({ concurrency: 20 }), 20)
})

test('a function that was not built is a clear error', () => {
  assert.equal(readConfig({ auth: 'tokens' }).bundle, 'dist/lambda')
  assert.equal(readConfig({ auth: 'tokens', console: 'true' }).bundle, 'dist/lambda-console')
  assert.throws(() => synthesize({ bundle: 'no/such/folder' }), /index\.mjs does not exist: run "npm run bundle" in the root first/)
  // Whoever deploys the data alone needs none.
  synthesize({ bundle: 'no/such/folder', 'aws:cdk:bundling-stacks': ['ServerlessStreamsData'] })
})
