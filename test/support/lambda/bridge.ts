import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { lambdaContext, type Sent } from './events.ts'
import { listen } from './runtime.ts'

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
  const { port } = await listen(t, (request, response) => {
    invoke(handler, toEvent, request, response).catch((error: unknown) => { response.destroy(error as Error) })
  })
  return { baseUrl: `http://127.0.0.1:${port}` }
}

/** The same for a handler that streams: its answer is a head as JSON, 8 zero bytes, and the body. */
export async function streamingBridge (
  t: TestContext, invokeStreaming: (event: object) => Promise<IncomingMessage>, toEvent: (sent: Sent) => object
): Promise<{ baseUrl: string }> {
  const { port } = await listen(t, (request, response) => {
    sentOf(request).then((sent) => invokeStreaming(toEvent(sent))).then((answer) => pass(answer, response))
      .catch((error: unknown) => { response.destroy(error as Error) })
  })
  return { baseUrl: `http://127.0.0.1:${port}` }
}

const separator = Buffer.alloc(8)

async function pass (answer: IncomingMessage, response: ServerResponse): Promise<void> {
  if (answer.headers['content-type'] !== 'application/vnd.awslambda.http-integration-response') throw new Error('an answer without a head')
  let head = Buffer.alloc(0)
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let body = chunk
    if (!response.headersSent) {
      head = Buffer.concat([head, chunk])
      const at = head.indexOf(separator)
      if (at === -1) continue
      const { statusCode, headers } = JSON.parse(head.subarray(0, at).toString()) as { statusCode: number, headers: Record<string, string> }
      response.writeHead(statusCode, headers).flushHeaders()
      body = head.subarray(at + separator.length)
    }
    // Lambda does not tell the function that the client has gone: it reads on until the end.
    if (body.length > 0 && !response.destroyed && !response.write(body)) await writable(response)
  }
  if (!response.headersSent) throw new Error('an answer that ended before its head did')
  response.end()
}

function writable (response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    // Both, or each full buffer of a large page would leave a listener behind.
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

async function sentOf (request: IncomingMessage): Promise<Sent> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  return { method: request.method!, url: request.url!, headers, ...chunks.length === 0 ? {} : { body: Buffer.concat(chunks) } }
}

async function invoke (
  handler: Handler, toEvent: (sent: Sent) => object, request: IncomingMessage, response: ServerResponse
): Promise<void> {
  const sent = await sentOf(request)
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
