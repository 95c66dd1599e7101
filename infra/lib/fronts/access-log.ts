import { RemovalPolicy } from 'aws-cdk-lib'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { Config } from '../config.ts'

/** Also has what never reaches the service: requests that were throttled or refused by IAM. */
export function accessLogGroup (scope: Construct, config: Config): LogGroup {
  return new LogGroup(scope, 'AccessLog', { retention: config.logDays, removalPolicy: RemovalPolicy.DESTROY })
}

/**
 * One JSON object a request, with the names of the service's own log where it has the same. No query and no headers.
 * @param error the variable with the gateway's own error
 * @param refused the variable that says why the request was refused
 */
export function accessLogFields (error: string, refused: string): string {
  return JSON.stringify({
    time: '$context.requestTime',
    gateway_request_id: '$context.requestId',
    address: '$context.identity.sourceIp',
    method: '$context.httpMethod',
    path: '$context.path',
    status: '$context.status',
    bytes: '$context.responseLength',
    duration_ms: '$context.responseLatency',
    error,
    refused
  })
}
