import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import { AttributeType, Billing, ProjectionType, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { Effect, PolicyStatement, StarPrincipal } from 'aws-cdk-lib/aws-iam'
import { BlockPublicAccess, Bucket, BucketEncryption, type LifecycleRule, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { KIND, PK, TOPICS_INDEX, TTL_ATTRIBUTE } from '../../src/adapters/dynamodb/table.ts'
import type { NewStorage } from './config.ts'

/** Days for which a versioned bucket keeps a deleted object. */
const versionsKeptDays = 30

/** What messages are stored in. It changes seldom, and goes last. */
export class DataStack extends Stack {
  readonly bucket: Bucket
  readonly table: TableV2

  constructor (scope: Construct, id: string, storage: NewStorage, props: StackProps) {
    const kept = storage.removal === 'retain'
    super(scope, id, { ...props, terminationProtection: kept, description: 'Serverless Streams: bucket and table' })
    const removalPolicy = kept ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: storage.versioned,
      lifecycleRules: lifecycleRules(storage),
      removalPolicy
    })
    this.bucket.addToResourcePolicy(writeOnce(this.bucket))
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: PK, type: AttributeType.STRING },
      globalSecondaryIndexes: [{
        indexName: TOPICS_INDEX.IndexName,
        partitionKey: { name: KIND, type: AttributeType.STRING },
        sortKey: { name: PK, type: AttributeType.STRING },
        projectionType: ProjectionType[TOPICS_INDEX.Projection.ProjectionType]
      }],
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: TTL_ATTRIBUTE,
      deletionProtection: kept,
      removalPolicy
    })
    new CfnOutput(this, 'BucketName', { value: this.bucket.bucketName, description: 'BUCKET_NAME' })
    new CfnOutput(this, 'TableName', { value: this.table.tableName, description: 'COUNTERS_TABLE' })
  }
}

function lifecycleRules ({ expireDays, versioned }: NewStorage): LifecycleRule[] {
  return [
    // The service makes none, but other programs that write to the bucket may leave some, which cost and are not listed.
    { id: 'incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
    ...expireDays === undefined ? [] : [{ id: 'expire', prefix: 'topics/', expiration: Duration.days(expireDays) }],
    ...versioned
      ? [{ id: 'old-versions', noncurrentVersionExpiration: Duration.days(versionsKeptDays), expiredObjectDeleteMarker: true }]
      : []
  ]
}

/**
 * Refuses to replace what is there, to whoever it is: the service puts every object with If-None-Match. The parts of a multipart
 * upload can have no such header, so they are exempt; its completion is not. CopyObject into `topics/` is refused always.
 */
function writeOnce (bucket: Bucket): PolicyStatement {
  return new PolicyStatement({
    sid: 'WriteOnce',
    effect: Effect.DENY,
    principals: [new StarPrincipal()],
    actions: ['s3:PutObject'],
    resources: [bucket.arnForObjects('topics/*')],
    conditions: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } }
  })
}
