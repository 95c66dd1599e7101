import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { lambdaContext, type Sent } from './lambda-events.ts'

export interface LambdaAnswer {
  statusCode: number
  headers: Record<string, string>
  multiValueHeaders?: Record<string, string[]>
  body: string
  isBase64Encoded?: boolean
}

export type Handler = (event: never, context: never) => Promise<unknown>

/** Lambda refuses larger answers. */
const answerBytesMax = 6 * 1024 * 1024

/** Does for a handler what API Gateway does: a real HTTP server in front, events behind. */
export async function lambdaBridge (t: TestContext, handler: Handler, toEvent: (sent: Sent) => object): Promise<{ baseUrl: string }> {
  const server = createServer((request, response) => {
    invoke(handler, toEvent, request, response).catch((error: unknown) => { response.destroy(error as Error) })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function invoke (handler: Handler, toEvent: (sent: Sent) => object, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const sent = { method: request.method!, url: request.url!, headers, ...chunks.length === 0 ? {} : { body: Buffer.concat(chunks) } }
  // Events and answers pass as JSON, as they do between the services.
  const event = JSON.parse(JSON.stringify(toEvent(sent))) as never
  const text = JSON.stringify(await handler(event, lambdaContext() as never))
  if (Buffer.byteLength(text) > answerBytesMax) {
    response.writeHead(502).end('{"message":"Internal server error"}')
    return
  }
  const answer = JSON.parse(text) as LambdaAnswer
  response.writeHead(answer.statusCode, answer.headers).end(Buffer.from(answer.body, answer.isBase64Encoded === true ? 'base64' : 'utf8'))
}
