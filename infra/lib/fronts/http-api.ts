import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import {
  DomainName, HttpApi, HttpMethod, HttpNoneAuthorizer, HttpStage, type HttpStageProps, LogGroupLogDestination
} from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets'
import { Duration } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { bufferedTimeoutMaxSeconds } from '../context.ts'
import type { Config, Domain } from '../config.ts'
import { accessLogGroup, accessLogFields } from './access-log.ts'
import { pointTo } from './domain.ts'
import type { Front } from './front.ts'

/** Cheapest, and buffered: a stream ends as soon as it has messages. */
export function httpFront (scope: Construct, config: Config, fn: Function): Front {
  const integration = new HttpLambdaIntegration('Integration', fn, { timeout: Duration.seconds(bufferedTimeoutMaxSeconds) })
  const api = new HttpApi(scope, 'Api', {
    description: 'Serverless Streams',
    defaultIntegration: integration,
    // The default stage has neither a limit nor a log.
    createDefaultStage: false,
    ...config.access.auth === 'platform' && { defaultAuthorizer: new HttpIamAuthorizer() }
  })
  if (config.access.auth === 'platform' && config.corsOrigins !== undefined) {
    // Browsers send preflight requests without a signature. The service answers them.
    api.addRoutes({ path: '/{proxy+}', methods: [HttpMethod.OPTIONS], integration, authorizer: new HttpNoneAuthorizer() })
  }
  const domainName = config.domain && customDomain(scope, config.domain)
  const { rate: rateLimit, burst: burstLimit } = config.throttle!
  const stage = new HttpStage(scope, 'Stage', {
    httpApi: api,
    autoDeploy: true,
    throttle: { rateLimit, burstLimit },
    detailedMetricsEnabled: false,
    ...config.accessLog && { accessLogSettings: accessLog(scope, config) },
    ...domainName !== undefined && { domainMapping: { domainName } }
  })
  return {
    url: config.domain === undefined ? api.apiEndpoint : `https://${config.domain.name}`,
    signedFor: 'execute-api',
    requests: stage.metricCount(),
    serverErrors: stage.metricServerError()
  }
}

function accessLog (scope: Construct, config: Config): HttpStageProps['accessLogSettings'] & object {
  return {
    destination: new LogGroupLogDestination(accessLogGroup(scope, config)),
    format: AccessLogFormat.custom(accessLogFields('$context.error.message', '$context.authorizer.error'))
  }
}

function customDomain (scope: Construct, domain: Domain): DomainName {
  const certificate = Certificate.fromCertificateArn(scope, 'Certificate', domain.certificateArn)
  const name = new DomainName(scope, 'Domain', { domainName: domain.name, certificate })
  pointTo(scope, domain, name.regionalDomainName, new ApiGatewayv2DomainProperties(name.regionalDomainName, name.regionalHostedZoneId))
  return name
}
