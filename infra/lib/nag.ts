/** cdk-nag, and why what it finds is as it is. `npm run synth` runs it. */
import { type App, type CfnElement, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import type { Construct } from 'constructs'
import type { Front } from './config.ts'
import type { Stacks } from './stacks.ts'

/** A finding of a rule, the construct in its stack that it is accepted for, and the argument. */
type Exception = readonly [construct: string, id: string, reason: string]

const dataExceptions: readonly Exception[] = [
  ['Bucket', 'AwsSolutions-S1', 'Only the functions use the bucket, and they log each request. A server access log is a second bucket ' +
    'that costs a put for each put; whoever needs one turns on CloudTrail data events.']
]

const noXray = 'X-Ray is billed for each trace. The log has the duration and the calls of each request; OpenTelemetry can be added ' +
  'as a layer.'

const sweepRepeats = 'A sweep that failed needs no repeat and no queue: the next one goes on where it stopped. An alarm counts failures.'

const apiExceptions: readonly Exception[] = [
  ['Function', 'Serverless-LambdaDLQ', 'The function is invoked synchronously, so a failure is the answer that the caller gets.'],
  ['Sweep', 'Serverless-LambdaDLQ', sweepRepeats],
  ['AlarmTopic', 'Serverless-SNSRedrivePolicy', 'An e-mail that is not accepted is lost. The alarm itself stays visible on the dashboard.'],
  ['Sweep', 'Serverless-LambdaAsyncFailureDestination', sweepRepeats],
  ...['Function', 'Sweep'].map((name): Exception => [name, 'Serverless-LambdaTracing', noXray])
]

const gatewayAuth = 'Who may use the service is decided in the function (AUTH), by topic and by action, which a gateway cannot see.'

const accessLogCosts = 'The access log of a REST API needs a role for all APIs of the account, so it is made only when asked for ' +
  '(accessLog=true). The function logs each request.'

const frontExceptions: Readonly<Record<Front, readonly Exception[]>> = {
  http: [['Api', 'AwsSolutions-APIG4', gatewayAuth]],
  url: [],
  rest: [
    ['Api', 'AwsSolutions-COG4', gatewayAuth],
    ['Api', 'AwsSolutions-APIG4', gatewayAuth],
    ['Api', 'AwsSolutions-APIG2', 'The function validates every byte of a request against the schema of its route.'],
    ['Api', 'AwsSolutions-APIG3', 'A firewall costs at least $5 a month, idle or not. It can be associated with the stage.'],
    ['Api', 'AwsSolutions-APIG1', accessLogCosts],
    ['Api', 'Serverless-APIGWAccessLogging', accessLogCosts],
    ['Api', 'AwsSolutions-APIG6', 'The execution log has whole requests, so messages would be in it.'],
    ['Api', 'Serverless-APIGWXrayEnabled', noXray],
    ['Api', 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
      'The role of the account, with the policy that API Gateway asks for.']
  ]
}

/** Those that need to know what the stacks are called. */
function wildcards ({ data, api }: Stacks): Exception[] {
  const objects = 'The service reads, writes and removes all objects of messages, and these are below topics/.'
  const bucket = data === undefined
    ? api.storage.bucketArn.replace(/\$\{Token\[AWS\.Partition[^}]*\}/, '<AWS::Partition>')
    : `${data.stackName}:ExportsOutputFnGetAtt${data.getLogicalId(data.bucket.node.defaultChild as CfnElement)}Arn063C8555`
  const scheduler = api.node.children.find(({ node }) => node.id.startsWith('SchedulerRole'))!
  return [
    ...['FunctionRole', 'SweepRole'].map((name): Exception => [name, `AwsSolutions-IAM5[Resource::${bucket}/topics/*]`, objects]),
    [scheduler.node.id, `AwsSolutions-IAM5[Resource::<${api.getLogicalId(api.sweep.node.defaultChild as CfnElement)}.Arn>:*]`,
      'The versions of the one function that the schedule invokes.']
  ]
}

/** Adds the rules, and the exceptions of the default configuration of each front. */
export function checkWithNag (app: App, stacks: Stacks): void {
  const { data, api } = stacks
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app))
  if (data !== undefined) acknowledge(data, dataExceptions)
  acknowledge(api, [...apiExceptions, ...frontExceptions[api.front], ...wildcards(stacks)])
}

function acknowledge (stack: Construct, exceptions: readonly Exception[]): void {
  for (const [name, id, reason] of exceptions) {
    const construct = stack.node.tryFindChild(name)
    if (construct !== undefined) Validations.of(construct).acknowledge({ id, reason })
  }
}
