import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

export interface Arrived { readonly method: string, readonly url: string, readonly headers: IncomingHttpHeaders, readonly body: string }

/** `hang`: never an answer. `close`: the connection ends without one. */
export type Script = 'hang' | 'close' | { readonly status?: number, readonly headers?: Record<string, string>, readonly body?: unknown }

/** A server that answers as it is told, one script a request, and the last one for ever. */
export async function scripted (t: TestContext, ...scripts: readonly Script[]): Promise<{ url: string, arrived: Arrived[] }> {
  const arrived: Arrived[] = []
  const server = createServer((request, response) => {
    text(request).then((body) => {
      arrived.push({ method: request.method!, url: request.url!, headers: request.headers, body })
      const script = scripts[Math.min(arrived.length, scripts.length) - 1]!
      if (script === 'hang') return
      if (script === 'close') {
        request.socket.destroy()
        return
      }
      const { status = 200, headers = {}, body: answer = {} } = script
      response.writeHead(status, headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    }, () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrived }
}

/** An answer of the service. */
export function problem (
  status: number, code: string, members: Record<string, unknown> = {}, headers: Record<string, string> = {}
): Script {
  return { status, headers, body: { code, status, detail: `it is ${code}`, retriable: status === 429 || status >= 503, ...members } }
}
