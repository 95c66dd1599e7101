import type { APIGatewayProxyEvent, APIGatewayProxyEventV2, Context } from 'aws-lambda'

/** What a client sent, before a service of AWS makes an event of it. */
export interface Sent {
  method: string
  /** As it stands in the request line, with the query. */
  url: string
  headers?: Record<string, string>
  body?: Buffer
}

const bodyOf = (body: Buffer | undefined, base64: boolean): { body: string | null, isBase64Encoded: boolean } =>
  body === undefined || body.length === 0
    ? { body: null, isBase64Encoded: false }
    : { body: body.toString(base64 ? 'base64' : 'utf8'), isBase64Encoded: base64 }

function split (url: string): { path: string, query: URLSearchParams, rawQuery: string } {
  const at = url.indexOf('?')
  const path = at === -1 ? url : url.slice(0, at)
  const rawQuery = at === -1 ? '' : url.slice(at + 1)
  return { path, query: new URLSearchParams(rawQuery), rawQuery }
}

export interface RestOptions {
  stage?: string
  /** The mapping's base path of a custom domain; without one the request came to the API's own host name. */
  basePath?: string
  /** The route of the API: one for all, or one for each path. */
  resource?: string
  pathParameters?: Record<string, string>
  /** Whether the API's `binaryMediaTypes` name the content type. */
  binary?: boolean
}

/** API Gateway REST API, Lambda proxy integration, payload format 1.0. */
export function restEvent (sent: Sent, options: RestOptions = {}): APIGatewayProxyEvent {
  const { stage = 'prod', basePath, resource = '/{proxy+}', binary = true } = options
  const { path, query } = split(sent.url)
  const headers: Record<string, string> = {
    Accept: '*/*',
    'CloudFront-Forwarded-Proto': 'https',
    'CloudFront-Is-Desktop-Viewer': 'true',
    'CloudFront-Viewer-Country': 'DE',
    Host: basePath === undefined ? '70ixmpl4fl.execute-api.us-east-2.amazonaws.com' : 'api.example.com',
    'User-Agent': 'curl/8.7.1',
    Via: '2.0 e26e1d2d5c1b0f7d2a0b0c0d.cloudfront.net (CloudFront)',
    'X-Amz-Cf-Id': 'k9X1y2z3-Q4r5s6t7u8v9w==',
    'X-Amzn-Trace-Id': 'Root=1-5e66d96f-7491f09xmpl79d18acf3d050',
    'X-Forwarded-For': '52.255.255.12, 64.252.144.118',
    'X-Forwarded-Port': '443',
    'X-Forwarded-Proto': 'https',
    ...sent.headers
  }
  const names = [...new Set(query.keys())]
  return {
    resource,
    path: basePath === undefined ? path : `/${basePath}${path}`,
    httpMethod: sent.method,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, query.getAll(name).at(-1)!])),
    multiValueQueryStringParameters: names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, query.getAll(name)])),
    pathParameters: options.pathParameters ?? (resource === '/{proxy+}' ? { proxy: decode(path.slice(1)) } : null),
    stageVariables: null,
    requestContext: {
      resourceId: '2gxmpl',
      resourcePath: resource,
      httpMethod: sent.method,
      extendedRequestId: 'JJbxmplHYosFVYQ=',
      requestTime: '10/Mar/2020:00:03:59 +0000',
      path: basePath === undefined ? `/${stage}${path}` : `/${basePath}${path}`,
      accountId: '123456789012',
      protocol: 'HTTP/1.1',
      stage,
      domainPrefix: basePath === undefined ? '70ixmpl4fl' : 'api',
      requestTimeEpoch: 1583798639428,
      requestId: '77375676-xmpl-4b79-853a-f982474efe18',
      identity: {
        cognitoIdentityPoolId: null,
        accountId: null,
        cognitoIdentityId: null,
        caller: null,
        sourceIp: '52.255.255.12',
        principalOrgId: null,
        accessKey: null,
        cognitoAuthenticationType: null,
        cognitoAuthenticationProvider: null,
        userArn: null,
        userAgent: 'curl/8.7.1',
        user: null,
        apiKey: null,
        apiKeyId: null,
        clientCert: null
      },
      domainName: headers['Host']!,
      apiId: '70ixmpl4fl',
      authorizer: null
    },
    ...bodyOf(sent.body, binary)
  }
}

export interface HttpApiOptions {
  stage?: string
  routeKey?: string
  basePath?: string
  pathParameters?: Record<string, string>
  cookies?: string[]
  base64?: boolean
}

/** API Gateway HTTP API, payload format 2.0. It hands paths over decoded, and a named stage in front of them. */
export function httpApiEvent (sent: Sent, options: HttpApiOptions = {}): APIGatewayProxyEventV2 {
  const { stage = '$default', routeKey = '$default', basePath, base64 = false } = options
  const { path, query, rawQuery } = split(sent.url)
  const prefix = basePath !== undefined ? `/${basePath}` : stage === '$default' ? '' : `/${stage}`
  const rawPath = prefix + decode(path)
  const { body, isBase64Encoded } = bodyOf(sent.body, base64)
  const names = [...new Set(query.keys())]
  const greedy = routeKey.endsWith('/{proxy+}') ? { proxy: decode(path.slice(1)) } : undefined
  const pathParameters = options.pathParameters ?? greedy
  return {
    version: '2.0',
    routeKey,
    rawPath,
    rawQueryString: rawQuery,
    ...options.cookies === undefined ? {} : { cookies: options.cookies },
    headers: {
      accept: '*/*',
      'content-length': String(sent.body?.length ?? 0),
      host: 'r3pmxmplak.execute-api.us-east-2.amazonaws.com',
      'user-agent': 'curl/8.7.1',
      'x-amzn-trace-id': 'Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e',
      'x-forwarded-for': '205.255.255.176',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      ...sent.headers
    },
    ...names.length === 0 ? {} : { queryStringParameters: Object.fromEntries(names.map((name) => [name, query.getAll(name).join(',')])) },
    ...pathParameters === undefined ? {} : { pathParameters },
    requestContext: {
      accountId: '123456789012',
      apiId: 'r3pmxmplak',
      domainName: basePath === undefined ? 'r3pmxmplak.execute-api.us-east-2.amazonaws.com' : 'api.example.com',
      domainPrefix: basePath === undefined ? 'r3pmxmplak' : 'api',
      http: { method: sent.method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '205.255.255.176', userAgent: 'curl/8.7.1' },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey,
      stage,
      time: '10/Mar/2020:05:16:23 +0000',
      timeEpoch: 1583817383220
    },
    ...body === null ? {} : { body },
    isBase64Encoded
  }
}

/** A function URL: payload format 2.0 as well, the path as it was sent, and bodies mostly as base64. */
export function functionUrlEvent (sent: Sent): APIGatewayProxyEventV2 {
  const event = httpApiEvent(sent, { base64: true })
  const rawPath = split(sent.url).path
  const domainName = '7yxmplq5vh7k3f3yk7zq2n6hxa0uqjjx.lambda-url.us-east-2.on.aws'
  return {
    ...event,
    rawPath,
    requestContext: {
      ...event.requestContext,
      accountId: 'anonymous',
      apiId: domainName.split('.')[0]!,
      domainName,
      domainPrefix: domainName.split('.')[0]!,
      http: { ...event.requestContext.http, path: rawPath },
      requestId: '9a9e1a5e-b1f0-4d1b-9c5a-4d0a4e0d6b6e'
    }
  }
}

/**
 * An HTTP API with payload format 1.0. As a REST API's, but the path begins with the stage, or a mapping's key, and the
 * route `$default` has no parameters.
 */
export function httpApiEventV1 (sent: Sent, options: Omit<HttpApiOptions, 'cookies'> = {}): APIGatewayProxyEvent & { version: '1.0' } {
  const { stage = '$default', routeKey = '$default', basePath, base64 = false } = options
  const v2 = httpApiEvent(sent, options)
  const rest = restEvent(sent, { stage, binary: base64, ...basePath === undefined ? {} : { basePath } })
  const { apiId, domainName, domainPrefix } = v2.requestContext
  return {
    ...rest,
    version: '1.0',
    resource: routeKey.slice(routeKey.indexOf(' ') + 1),
    path: v2.rawPath,
    pathParameters: v2.pathParameters ?? null,
    requestContext: { ...rest.requestContext, apiId, domainName, domainPrefix, resourcePath: routeKey, path: v2.rawPath }
  }
}

export function lambdaContext (): Context {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'streams',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-2:123456789012:function:streams',
    memoryLimitInMB: '512',
    awsRequestId: '6bc28136-xmpl-4365-b021-0ce6b2e64ab0',
    logGroupName: '/aws/lambda/streams',
    logStreamName: '2024/03/10/[$LATEST]8b1cxmpl',
    getRemainingTimeInMillis: () => 29_000,
    done () {},
    fail () {},
    succeed () {}
  }
}

function decode (path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
