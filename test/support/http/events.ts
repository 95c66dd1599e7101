import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { TestContext } from 'node:test'
import { credentialsOf } from './requests.ts'

export interface ServerEvent { readonly id: string | undefined, readonly event: string | undefined, readonly data: string }

/** A reader of server-sent events, by the letter of https://html.spec.whatwg.org/multipage/server-sent-events.html. */
export class EventReader {
  readonly answer: IncomingMessage
  readonly events: ServerEvent[] = []
  readonly comments: string[] = []
  retry: number | undefined
  lastEventId = ''
  ended = false
  readonly #request: ClientRequest
  #rest = ''
  #id: string | undefined
  #event: string | undefined
  #data: string[] = []
  #changed = (): void => {}

  constructor (request: ClientRequest, answer: IncomingMessage) {
    this.#request = request
    this.answer = answer
    answer.setEncoding('utf8')
    answer.on('data', (text: string) => { this.#take(text) })
    answer.on('end', () => { this.ended = true; this.#changed() })
    answer.on('error', () => {})
  }

  #take (text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\r|\n/)
    this.#rest = lines.pop()!
    for (const line of lines) this.#line(line)
    this.#changed()
  }

  #line (line: string): void {
    if (line === '') {
      if (this.#id !== undefined) this.lastEventId = this.#id
      if (this.#data.length > 0) this.events.push({ id: this.#id, event: this.#event, data: this.#data.join('\n') })
      this.#id = this.#event = undefined
      this.#data = []
      return
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line)!
    if (field === '') this.comments.push(value!)
    else if (field === 'id') this.#id = value
    else if (field === 'event') this.#event = value
    else if (field === 'data') this.#data.push(value!)
    else if (field === 'retry') this.retry = Number(value)
    else throw new Error(`an unknown field: ${line}`)
  }

  /** Resolves when `holds`, and fails after half a minute. */
  async until (holds: (reader: this) => boolean): Promise<void> {
    const deadline = Date.now() + 30_000
    while (!holds(this)) {
      if (Date.now() > deadline) {
        throw new Error(`no such events: ${JSON.stringify({ last: this.events.at(-1)?.id, count: this.events.length, ended: this.ended })}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100)
        this.#changed = () => { clearTimeout(timer); resolve() }
      })
    }
  }

  async atLeast (count: number): Promise<ServerEvent[]> {
    await this.until(({ events }) => events.length >= count)
    return this.events
  }

  pause (): void { this.answer.pause() }
  resume (): void { this.answer.resume() }
  close (): void { this.#request.destroy() }
}

/** Follows a topic. The answer may be no stream: look at its status. */
export function follow (
  t: TestContext, baseUrl: string, topic: string, query = '', headers: Record<string, string> = {}
): Promise<EventReader> {
  const { hostname, port } = new URL(baseUrl)
  return new Promise((resolve, reject) => {
    const sent = request({
      hostname,
      port,
      path: `/topics/${topic}/consume${query}`,
      headers: { accept: 'text/event-stream', ...credentialsOf(baseUrl), ...headers },
      agent: false
    })
    sent.on('response', (answer) => { resolve(new EventReader(sent, answer)) }).on('error', reject).end()
    t.after(() => { sent.destroy() })
  })
}
