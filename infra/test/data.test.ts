import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tableDefinition } from '../../src/adapters/dynamodb/table.ts'
import { only, type Statement, synthesize } from './support.ts'

const bucketOf = (context = {}) => only(synthesize(context).data!, 'AWS::S3::Bucket')
const tableOf = (context = {}) => only(synthesize(context).data!, 'AWS::DynamoDB::GlobalTable')

test('the bucket is private, encrypted and owned', () => {
  const { Properties } = bucketOf()
  assert.deepEqual(Properties['PublicAccessBlockConfiguration'], {
    BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true
  })
  assert.deepEqual(Properties['BucketEncryption'], {
    ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }]
  })
  assert.deepEqual(Properties['OwnershipControls'], { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] })
})

test('the bucket refuses plain HTTP, old TLS, and puts below topics/ without If-None-Match', () => {
  const { Properties } = only(synthesize().data!, 'AWS::S3::BucketPolicy')
  const { Statement } = Properties['PolicyDocument'] as { Statement: Statement[] }
  assert(Statement.every(({ Effect }) => Effect === 'Deny'))
  assert.deepEqual(Statement.map(({ Action, Condition }) => [Action, Condition]), [
    ['s3:*', { Bool: { 'aws:SecureTransport': 'false' } }],
    ['s3:*', { NumericLessThan: { 's3:TlsVersion': 1.2 } }],
    ['s3:PutObject', { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } }]
  ])
  assert.match(JSON.stringify(Statement[2]!.Resource), /"\/topics\/\*"/)
})

test('the bucket has a lifecycle for what nobody lists, and more only when asked', () => {
  const rules = (context = {}) => (bucketOf(context).Properties['LifecycleConfiguration'] as { Rules: unknown }).Rules
  const uploads = { Id: 'incomplete-uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }
  assert.deepEqual(rules(), [uploads])
  assert.deepEqual(rules({ expireDays: 30 }), [uploads, { Id: 'expire', Status: 'Enabled', Prefix: 'topics/', ExpirationInDays: 30 }])
  assert.deepEqual(rules({ versioned: true }), [uploads, {
    Id: 'old-versions', Status: 'Enabled', ExpiredObjectDeleteMarker: true, NoncurrentVersionExpiration: { NoncurrentDays: 30 }
  }])
})

test('the table is what the service creates itself: key, index, billing', () => {
  const { KeySchema, GlobalSecondaryIndexes, AttributeDefinitions, BillingMode } = tableDefinition('t')
  const { Properties } = tableOf()
  assert.deepEqual(Properties['KeySchema'], KeySchema)
  assert.deepEqual(Properties['AttributeDefinitions'], AttributeDefinitions)
  assert.deepEqual(Properties['GlobalSecondaryIndexes'], GlobalSecondaryIndexes)
  assert.equal(Properties['BillingMode'], BillingMode)
})

test('the table expires records, can be restored to any second, and cannot be deleted', () => {
  const { Properties } = tableOf()
  assert.deepEqual(Properties['TimeToLiveSpecification'], { AttributeName: 'ttl', Enabled: true })
  const [replica] = Properties['Replicas'] as Array<Record<string, unknown>>
  assert.deepEqual(replica!['PointInTimeRecoverySpecification'], { PointInTimeRecoveryEnabled: true })
  assert.equal(replica!['DeletionProtectionEnabled'], true)
})

test('bucket and table stay when the stack is removed, unless removal=destroy', () => {
  const policies = (context = {}) => [bucketOf(context), tableOf(context)].map(({ DeletionPolicy }) => DeletionPolicy)
  assert.deepEqual(policies(), ['Retain', 'Retain'])
  assert.deepEqual(policies({ removal: 'destroy' }), ['Delete', 'Delete'])
  const [replica] = tableOf({ removal: 'destroy' }).Properties['Replicas'] as Array<Record<string, unknown>>
  assert.equal(replica!['DeletionProtectionEnabled'], false)
})

test('the stack cannot be deleted by mistake', () => {
  const protection = (context = {}) =>
    synthesize(context).app.synth().stacks.map(({ stackName, terminationProtection }) => [stackName, terminationProtection ?? false])
  assert.deepEqual(protection(), [['ServerlessStreamsData', true], ['ServerlessStreamsApi', false]])
  assert.deepEqual(protection({ removal: 'destroy' }), [['ServerlessStreamsData', false], ['ServerlessStreamsApi', false]])
})

test('a stage has stacks of its own', () => {
  const { app } = synthesize({ stage: 'prod' })
  assert.deepEqual(app.synth().stacks.map(({ stackName }) => stackName), ['ServerlessStreamsData-prod', 'ServerlessStreamsApi-prod'])
})
