import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import {
  AccessLogFormat, AuthorizationType, EndpointType, LambdaIntegration, LogGroupLogDestination, type MethodOptions, ResponseTransferMode,
  RestApi, SecurityPolicy, type StageOptions
} from 'aws-cdk-lib/aws-apigateway'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets'
import type { Construct } from 'constructs'
import { streamedTimeoutMaxSeconds } from '../context.ts'
import type { Config, Domain } from '../config.ts'
import { accessLogFields, accessLogGroup } from './access-log.ts'
import { pointTo } from './domain.ts'
import type { Front } from './front.ts'

/** Streams responses. More than three times the price of an HTTP API. */
export function restFront (scope: Construct, config: Config, fn: Function): Front {
  const api = new RestApi(scope, 'Api', {
    description: 'Serverless Streams',
    endpointTypes: [EndpointType.REGIONAL],
    // Otherwise compressed bodies are damaged.
    binaryMediaTypes: ['*/*'],
    // This role is one for the whole account and region, so it is not made unless the access log needs it, and never removed.
    cloudWatchRole: config.accessLog,
    ...config.accessLog && { cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN },
    deployOptions: stageOptions(scope, config),
    ...config.domain !== undefined && { domainName: domainOptions(scope, config.domain) }
  })
  const integration = new LambdaIntegration(fn, {
    responseTransferMode: ResponseTransferMode.STREAM,
    // The function's own timeout ends a request; this one must only be no shorter.
    timeout: Duration.seconds(streamedTimeoutMaxSeconds),
    allowTestInvoke: false
  })
  const open = { authorizationType: AuthorizationType.NONE }
  const options: MethodOptions = config.access.auth === 'platform' ? { authorizationType: AuthorizationType.IAM } : open
  // Both: a proxy resource does not have the root.
  for (const resource of [api.root, api.root.addResource('{proxy+}')]) {
    resource.addMethod('ANY', integration, options)
    // Browsers send preflight requests without a signature. The service answers them.
    if (config.access.auth === 'platform' && config.corsOrigins !== undefined) resource.addMethod('OPTIONS', integration, open)
  }
  if (config.domain !== undefined) {
    pointTo(scope, config.domain, api.domainName!.domainNameAliasDomainName, new ApiGatewayDomain(api.domainName!))
  }
  const host = config.domain?.name ?? `${api.restApiId}.execute-api.${api.stack.region}.${api.stack.urlSuffix}/${stageName}`
  return {
    url: `https://${host}`,
    signedFor: 'execute-api',
    requests: api.deploymentStage.metricCount(),
    serverErrors: api.deploymentStage.metricServerError()
  }
}

/** The first part of the path; a REST API must have one. The service does not see it. */
const stageName = 'live'

function stageOptions (scope: Construct, config: Config): StageOptions {
  return {
    stageName,
    throttlingRateLimit: config.throttle!.rate,
    throttlingBurstLimit: config.throttle!.burst,
    ...config.accessLog && {
      accessLogDestination: new LogGroupLogDestination(accessLogGroup(scope, config)),
      accessLogFormat: AccessLogFormat.custom(accessLogFields('$context.error.message', '$context.authorizer.error'))
    }
  }
}

function domainOptions (scope: Construct, { name, certificateArn }: Domain) {
  return {
    domainName: name,
    certificate: Certificate.fromCertificateArn(scope, 'Certificate', certificateArn),
    endpointType: EndpointType.REGIONAL,
    securityPolicy: SecurityPolicy.TLS_1_2
  }
}
