import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

export interface ScriptedRequest {
  readonly method: string
  /** Path and query as sent. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/**
 * `hang`: no answer, ever. `cut`: the connection ends without one. Otherwise an answer; `date` (ms) stands in for the
 * server's clock (null: no such header), and with `then` the connection stalls or ends before the body is complete.
 */
export type ScriptedAnswer = 'hang' | 'cut' | {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly date?: number | null
  readonly then?: 'hang' | 'cut'
}

export interface ScriptedServer {
  readonly endpoint: string
  /** What has arrived so far. */
  readonly requests: readonly ScriptedRequest[]
}

/**
 * A real HTTP server that gives these answers in turn and the last one again and again; for what no emulator does by
 * itself: failing, losing answers, being slow, having another clock.
 */
export async function scriptedServer (t: TestContext, answers: readonly ScriptedAnswer[]): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = []
  const server = createServer((request, response) => {
    const answering = async (): Promise<void> => {
      const body = await buffer(request)
      const answer = answers[Math.min(requests.length, answers.length - 1)]!
      requests.push({ method: request.method!, url: request.url!, headers: request.headers, body })
      if (answer === 'hang') return
      if (answer === 'cut') {
        request.socket.destroy()
        return
      }
      response.sendDate = answer.date === undefined
      if (typeof answer.date === 'number') response.setHeader('date', new Date(answer.date).toUTCString())
      response.writeHead(answer.status, answer.headers)
      if (answer.then === undefined) response.end(answer.body)
      else response.write(answer.body ?? '')
      if (answer.then === 'cut') setTimeout(() => request.socket.destroy(), 20)
    }
    answering().catch(() => { request.socket.destroy() })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

/** An error as S3 words it. */
export function s3Error (status: number, code: string): ScriptedAnswer & object {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>said the script</Message></Error>`
  }
}

/** An error as DynamoDB words it. */
export function dynamoError (status: number, code: string): ScriptedAnswer & object {
  return {
    status,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${code}`, message: 'said the script' })
  }
}
