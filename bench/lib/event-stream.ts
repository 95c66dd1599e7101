import { once } from 'node:events'
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import type { Server } from './children.ts'

/** One reader of a live stream, with as little work for each event as can be: the readers share a core with nothing else. */
export class EventStream {
  readonly #request: ClientRequest
  readonly #answer: IncomingMessage

  private constructor (request: ClientRequest, answer: IncomingMessage) {
    this.#request = request
    this.#answer = answer
  }

  /** Resolves when the server has accepted the stream; from then on `onText` gets what comes, whole events at a time. */
  static async open (
    server: Server, { path, headers }: { path: string, headers: Record<string, string> }, onText: (text: string) => void
  ): Promise<EventStream> {
    const request = get({ port: server.port, host: '127.0.0.1', path, headers, agent: false })
    const [answer] = await once(request, 'response') as [IncomingMessage]
    const type = answer.headers['content-type'] ?? ''
    if (answer.statusCode !== 200 || !type.startsWith('text/event-stream')) {
      request.destroy()
      throw new Error(`GET ${path} was answered with ${answer.statusCode} and ${type}, not with an event stream`)
    }
    let partial = ''
    answer.setEncoding('utf8')
    answer.on('data', (chunk: string) => {
      const text = partial + chunk
      const end = text.lastIndexOf('\n\n') + 2
      if (end === 1) {
        partial = text
        return
      }
      partial = text.slice(end)
      onText(text.slice(0, end))
    })
    answer.on('error', () => {})
    return new EventStream(request, answer)
  }

  close (): void {
    this.#answer.destroy()
    this.#request.destroy()
  }
}
