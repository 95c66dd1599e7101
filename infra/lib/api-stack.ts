import { CfnOutput, Stack, type StackProps, Validations } from 'aws-cdk-lib'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { createAlarms } from './alarms.ts'
import type { Config } from './config.ts'
import { createDashboard } from './dashboard.ts'
import { createFront, type Front } from './fronts/front.ts'
import { apiFunction, sweepFunction } from './functions.ts'
import { existingStorage, type Storage } from './storage.ts'

/** What runs. It has no data, so it can be removed and deployed again. */
export class ApiStack extends Stack {
  readonly storage: Storage
  readonly front: Config['front']
  readonly fn: Function
  readonly sweep: Function

  /** @param created bucket and table of the data stack; `undefined`: those that the configuration names */
  constructor (scope: Construct, id: string, config: Config, created: Storage | undefined, props: StackProps) {
    super(scope, id, { ...props, description: 'Serverless Streams: API and function' })
    this.storage = 'existing' in config.storage ? existingStorage(this, config.storage.existing) : created!
    this.front = config.front
    this.fn = apiFunction(this, config, this.storage)
    this.sweep = sweepFunction(this, config, this.storage)
    const front = createFront(this, config, this.fn)
    if (config.alarms !== undefined) {
      const watched = { fn: this.fn, sweep: this.sweep, front }
      createDashboard(this, watched, createAlarms(this, config.alarms, watched))
    }
    new CfnOutput(this, 'Url', { value: front.url, description: 'Where the service is' })
    if (config.console) new CfnOutput(this, 'Console', { value: `${front.url}/console`, description: 'To be opened in a browser' })
    new CfnOutput(this, 'NextCommand', { value: nextCommand(this, config, this.storage, front), description: 'What to type next' })
    if (config.access.auth === 'none') sayOpen(this)
  }
}

function sayOpen (stack: Stack): void {
  const text = 'auth=none: everybody on the internet who finds the URL can read, write and delete all topics'
  Validations.of(stack).addWarning('ServerlessStreams-NoAccessControl', text)
  new CfnOutput(stack, 'NoAccessControl', { value: text })
}

/** The first command that shows that the deployment works, to be copied as it is. */
function nextCommand ({ region }: Stack, { access }: Config, { bucketName, tableName }: Storage, { url, signedFor }: Front): string {
  switch (access.auth) {
    case 'none': return `curl ${url}/topics/orders/produce -H 'content-type: application/json' -d '{"payload":1}'`
    case 'jwt': return `curl ${url}/topics -H "authorization: Bearer $JWT"`
    case 'platform':
      return `curl ${url}/topics --aws-sigv4 aws:amz:${region}:${signedFor} --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" ` +
        '-H "x-amz-security-token: $AWS_SESSION_TOKEN"'
    case 'tokens':
    case 'tokens,jwt':
      return `BUCKET_NAME=${bucketName} COUNTERS_TABLE=${tableName} AWS_REGION=${region} npm run token -- create --name first ` +
        "--allow 'admin:*' --allow 'produce:*' --allow 'consume:*' --allow 'groups:*'"
  }
}
