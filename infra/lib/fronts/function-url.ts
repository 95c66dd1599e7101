import { Fn } from 'aws-cdk-lib'
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch'
import { type Function, FunctionUrlAuthType, InvokeMode } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import type { Config } from '../config.ts'
import type { Front } from './front.ts'

/** Streams responses, and costs nothing beside the function. No limit on requests but reserved concurrency, no domain, no access log. */
export function functionUrlFront (_scope: Construct, config: Config, fn: Function): Front {
  const { url } = fn.addFunctionUrl({
    authType: config.access.auth === 'platform' ? FunctionUrlAuthType.AWS_IAM : FunctionUrlAuthType.NONE,
    invokeMode: InvokeMode.RESPONSE_STREAM
  })
  const metric = (metricName: string) => new Metric({
    namespace: 'AWS/Lambda', metricName, dimensionsMap: { FunctionName: fn.functionName }, statistic: Stats.SUM
  })
  return {
    url: Fn.join('', ['https://', Fn.select(2, Fn.split('/', url))]),
    signedFor: 'lambda',
    requests: metric('UrlRequestCount'),
    serverErrors: metric('Url5xxCount')
  }
}
