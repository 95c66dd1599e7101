import { Stack } from 'aws-cdk-lib'
import { type IGrantable, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { TOPICS_INDEX } from '../../src/adapters/dynamodb/table.ts'
import type { ExistingStorage } from './config.ts'
import type { DataStack } from './data-stack.ts'

/** Where the service stores, and what it needs to be allowed there. */
export interface Storage {
  readonly bucketName: string
  readonly tableName: string
  readonly bucketArn: string
  readonly tableArn: string
  /** Without the index, topics are listed by reading the whole table. */
  readonly hasIndex: boolean
  readonly bucketKeyArn: string | undefined
}

export function createdStorage ({ bucket, table }: DataStack): Storage {
  return {
    bucketName: bucket.bucketName,
    tableName: table.tableName,
    bucketArn: bucket.bucketArn,
    tableArn: table.tableArn,
    hasIndex: true,
    bucketKeyArn: undefined
  }
}

/** @param stack in whose account and region they are */
export function existingStorage (stack: Stack, { bucket, table, hasIndex, bucketKey }: ExistingStorage): Storage {
  return {
    bucketName: bucket,
    tableName: table,
    bucketArn: stack.formatArn({ service: 's3', region: '', account: '', resource: bucket }),
    tableArn: stack.formatArn({ service: 'dynamodb', resource: 'table', resourceName: table }),
    hasIndex,
    bucketKeyArn: bucketKey
  }
}

/** Lets the role make the calls of the service, and no others (docs/deploying.md, "Permissions"). */
export function allowStorage (role: IRole & IGrantable, storage: Storage): void {
  const { bucketArn, tableArn, hasIndex, bucketKeyArn } = storage
  const allow = (sid: string, actions: string[], resource: string) => {
    role.addToPrincipalPolicy(new PolicyStatement({ sid, effect: Effect.ALLOW, actions, resources: [resource] }))
  }
  allow('Items', [
    'dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', ...hasIndex ? [] : ['dynamodb:Scan']
  ], tableArn)
  if (hasIndex) allow('Lists', ['dynamodb:Query'], `${tableArn}/index/${TOPICS_INDEX.IndexName}`)
  allow('Bucket', ['s3:ListBucket'], bucketArn)
  allow('Objects', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], `${bucketArn}/topics/*`)
  if (bucketKeyArn !== undefined) allow('Key', ['kms:Decrypt', 'kms:GenerateDataKey'], bucketKeyArn)
}
