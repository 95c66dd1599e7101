import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, Code, Function, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler'
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets'
import type { Construct } from 'constructs'
import { accessVariables } from './access.ts'
import { type Config, ConfigError } from './config.ts'
import { allowStorage, type Storage } from './storage.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const placeholder = fileURLToPath(new URL('placeholder', import.meta.url))

/** A sweep goes on where the one before stopped, so it may be cut off anywhere. */
const sweepTimeout = Duration.minutes(5)
/** It waits for the storage nearly all the time (docs/decisions/0073-memory.md). */
const sweepMemoryMiB = 512

interface FunctionOptions {
  readonly handler: 'handler' | 'streamHandler' | 'sweepHandler'
  readonly description: string
  readonly timeout: Duration
  readonly memoryMiB: number
  readonly concurrency?: number | undefined
}

/** The function behind the API. */
export function apiFunction (scope: Construct, config: Config, storage: Storage): Function {
  return serviceFunction(scope, 'Function', config, storage, {
    handler: config.front === 'http' ? 'handler' : 'streamHandler',
    description: 'Serverless Streams: produce and consume',
    timeout: Duration.seconds(config.timeoutSeconds),
    memoryMiB: config.memoryMiB,
    concurrency: config.reservedConcurrency
  })
}

/** Removes by schedule what retention allows. */
export function sweepFunction (scope: Construct, config: Config, storage: Storage): Function {
  const sweep = serviceFunction(scope, 'Sweep', config, storage, {
    handler: 'sweepHandler',
    description: 'Serverless Streams: retention',
    timeout: sweepTimeout,
    memoryMiB: sweepMemoryMiB
  })
  // The next sweep does what a failed one has not done; a repeat would only run beside it.
  sweep.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: sweepTimeout })
  new Schedule(scope, 'SweepSchedule', {
    description: 'Serverless Streams: retention',
    schedule: ScheduleExpression.rate(Duration.minutes(config.sweepMinutes)),
    target: new LambdaInvoke(sweep, { retryAttempts: 0, maxEventAge: sweepTimeout })
  })
  return sweep
}

function serviceFunction (scope: Construct, id: string, config: Config, storage: Storage, options: FunctionOptions): Function {
  const logGroup = new LogGroup(scope, `${id}Log`, { retention: config.logDays, removalPolicy: RemovalPolicy.DESTROY })
  // Not the role that Function creates: that may create any log group, and write to all of them.
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  logGroup.grantWrite(role)
  allowStorage(role, storage)
  return new Function(scope, id, {
    description: options.description,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    code: codeOf(Stack.of(scope), config),
    handler: `index.${options.handler}`,
    role,
    memorySize: options.memoryMiB,
    timeout: options.timeout,
    ...options.concurrency !== undefined && { reservedConcurrentExecutions: options.concurrency },
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    environment: {
      ...config.settings,
      ...accessVariables(config.access),
      ...config.corsOrigins !== undefined && { CORS_ORIGINS: config.corsOrigins },
      BUCKET_NAME: storage.bucketName,
      COUNTERS_TABLE: storage.tableName
    }
  })
}

/** @throws ConfigError if the function was not built */
function codeOf (stack: Stack, config: Config): Code {
  const { bundle } = config
  // `cdk deploy ServerlessStreamsData` synthesizes this stack, too, but needs nothing of it.
  if (bundle === 'placeholder' || !stack.bundlingRequired) return Code.fromAsset(placeholder)
  const folder = isAbsolute(bundle) ? bundle : join(root, bundle)
  if (!existsSync(join(folder, 'index.mjs'))) {
    const command = `npm run bundle${config.console ? ' -- --console' : ''}`
    throw new ConfigError(`bundle: ${join(folder, 'index.mjs')} does not exist: run "${command}" in the root first`)
  }
  return Code.fromAsset(folder)
}
