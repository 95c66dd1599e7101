import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { listeningApp, type MemoryApp, type MemoryAppOptions } from './app.ts'
import { type Answer, ask, produce } from './requests.ts'

export interface Message { readonly offset: number, readonly payload: unknown, readonly key?: string, readonly headers?: object }

export interface Received {
  readonly messages: readonly Message[]
  readonly lease: { id: string, expires_at: number, expires_in_ms: number, redelivered: object[] } | null
  readonly acked?: ReadonlyArray<Record<string, unknown>>
  readonly committed_offset: number
  readonly lag: number
  readonly waiting_for?: string
  readonly retry_in_ms?: number
}

/** A worker of one group, over HTTP. */
export class Worker {
  readonly path: string
  readonly #baseUrl: string

  constructor (baseUrl: string, topic: string, group: string) {
    this.#baseUrl = baseUrl
    this.path = `/topics/${topic}/groups/${group}`
  }

  ask (method: string, action = '', body?: object | string, headers: Record<string, string> = {}): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {})
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const request = { method, path: this.path + action, headers: { ...type, ...headers } }
    return ask(this.#baseUrl, body === undefined ? request : { ...request, body: text })
  }

  /** The body of an answer that is no error. */
  async done (method: string, action?: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.ask(method, action, body)
    assert(answer.status < 300, answer.text)
    return answer.text === '' ? {} : JSON.parse(answer.text) as Record<string, unknown>
  }

  async receive (body?: object, headers?: Record<string, string>): Promise<Received> {
    const answer = await this.ask('POST', '/receive', body, headers)
    assert.equal(answer.status, 200, answer.text)
    return JSON.parse(answer.text) as Received
  }

  /** A lease of some messages. */
  async lease (body?: object): Promise<{ readonly id: string, readonly offsets: number[], readonly keys: Array<string | undefined> }> {
    const { lease, messages, waiting_for: waitingFor } = await this.receive(body)
    assert(lease !== null, `no lease, but waiting for ${waitingFor}`)
    return { id: lease.id, offsets: messages.map(({ offset }) => offset), keys: messages.map(({ key }) => key) }
  }
}

export interface GroupsApp extends MemoryApp {
  readonly baseUrl: string
  /** A worker on a topic of so many messages, or of messages with these keys. */
  readonly worker: (topic: string, messages: number | readonly string[], group?: string) => Promise<Worker>
}

export async function groupsApp (t: TestContext, options?: MemoryAppOptions): Promise<GroupsApp> {
  const made = await listeningApp(t, options)
  const worker = async (topic: string, messages: number | readonly string[], group = 'g'): Promise<Worker> => {
    const all = typeof messages === 'number'
      ? Array.from({ length: messages }, (_, i) => ({ payload: i + 1 }))
      : messages.map((key, i) => ({ payload: i + 1, key }))
    if (all.length > 0) await produce(made.baseUrl, topic, JSON.stringify({ messages: all }))
    return new Worker(made.baseUrl, topic, group)
  }
  return { ...made, worker }
}
