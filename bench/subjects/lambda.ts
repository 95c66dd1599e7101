import type { Context } from 'aws-lambda'

/*
 * What the Lambda runtime does at a cold start, as far as it is ours: load the module, hand over the first event. Each step
 * is told to the parent, which has the time from before this process began.
 */
const { handler } = await import('../../src/lambda.ts')
process.send!({ done: 'imported' })

function event (method: string, path: string, body?: string) {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'bench.lambda-url.us-east-1.on.aws', 'content-type': 'application/json' },
    requestContext: {
      accountId: 'anonymous',
      apiId: 'bench',
      domainName: 'bench.lambda-url.us-east-1.on.aws',
      domainPrefix: 'bench',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'bench' },
      requestId: 'bench',
      routeKey: '$default',
      stage: '$default',
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: 1767225600000
    },
    body,
    isBase64Encoded: false
  }
}

async function ask (done: string, ...of: Parameters<typeof event>): Promise<void> {
  const answer = await handler(event(...of), { awsRequestId: 'bench' } as Context) as { statusCode: number, body: string }
  process.send!(answer.statusCode === 200 ? { done } : { wrong: `${done}: ${answer.statusCode} ${answer.body}` })
}

await ask('answered', 'GET', '/health')
if (process.env['APPEND'] === '1') await ask('appended', 'POST', '/topics/bench/produce', '{"payload":{"item":"book","quantity":2}}')
