import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import type { Config } from '../config.ts'
import { functionUrlFront } from './function-url.ts'
import { httpFront } from './http-api.ts'
import { restFront } from './rest-api.ts'

/** What stands between the internet and the function. */
export interface Front {
  /** Without a slash at its end. */
  readonly url: string
  /** The service that requests are signed for. */
  readonly signedFor: 'execute-api' | 'lambda'
  readonly requests: IMetric
  readonly serverErrors: IMetric
}

export function createFront (scope: Construct, config: Config, fn: Function): Front {
  switch (config.front) {
    case 'http': return httpFront(scope, config, fn)
    case 'rest': return restFront(scope, config, fn)
    case 'url': return functionUrlFront(scope, config, fn)
  }
}
