import { type Server, startServer } from '../../lib/children.ts'
import { post, sendEach } from '../../lib/load.ts'
import { firstAnswer } from '../../lib/responses.ts'
import type { Cycle, Worker } from '../../lib/workers.ts'
import { send } from '../protocols.ts'
import type { Subject } from '../subject.ts'
import type { Sharing } from './sharing.ts'

const batch = 1000
const separator = Buffer.from('],"lease":')

/** What follows the messages in an answer. */
export interface Rest {
  readonly lease: { readonly id: string } | null
  readonly acked?: ReadonlyArray<{ readonly acked: number } | { readonly code: string }>
  readonly lag: number
}

/** One of our servers, with a consumer group. */
export function oursSharing ({ name, args, env }: Pick<Subject, 'name' | 'args' | 'env'>): Sharing {
  return {
    name,
    version: () => '',
    start: (folder) => startServer({ args, env: env(folder), folder }),
    fill (server, topic, count, payload, keys) {
      let at = 0
      const message = (): string => `{"payload":${payload}${keys === undefined ? '' : `,"key":"key-${at++ % keys}"`}}`
      const request = (): Buffer => post(`/topics/${topic}/produce`, `{"messages":[${Array.from({ length: batch }, message).join(',')}]}`)
      const same = request()
      return sendEach(server, () => keys === undefined ? same : request(), count / batch, 2)
    },
    async makeGroup (server: Server, topic, group, keyed) {
      const config = { max_in_flight: 4000, mode: keyed ? 'keyed' : 'shared' }
      await send(server, 'PUT', `/topics/${topic}/groups/${group}`, JSON.stringify(config))
    },
    workers: (topic, group, limit, count) => Array.from({ length: count }, () => (
      new HttpWorker(`/topics/${topic}/groups/${group}/receive`, { limit, wait: 1, endsAtLag: limit * count })))
  }
}

export interface HttpWorkerOptions {
  readonly limit: number
  /** Seconds. */
  readonly wait: number
  /** The run ends when no more messages than these are left or leased. */
  readonly endsAtLag?: number
  /** Gets each answer with messages, which end at `end`. */
  readonly onMessages?: (data: Buffer, end: number) => void
}

/** Acknowledges each lease with its next receive. */
export class HttpWorker implements Worker {
  readonly #path: string
  readonly #head: string
  readonly #options: HttpWorkerOptions
  #lease: string | undefined

  constructor (path: string, options: HttpWorkerOptions) {
    this.#path = path
    this.#head = `{"limit":${options.limit},"wait":${options.wait}`
    this.#options = options
  }

  next (): Buffer {
    return post(this.#path, this.#lease === undefined ? `${this.#head}}` : `${this.#head},"ack":[{"lease_id":"${this.#lease}"}]}`)
  }

  take (data: Buffer): Cycle | undefined {
    const answer = firstAnswer(data)
    if (answer === undefined) return undefined
    const end = data.lastIndexOf(separator)
    if (answer.status !== 200 || end === -1) throw new Error(`answered with ${data.toString('utf8', 0, answer.length).slice(0, 1000)}`)
    const { lease, acked = [], lag } = JSON.parse(`{${data.toString('latin1', end + 2, answer.length)}`) as Rest
    const settled = acked.reduce((sum, one) => {
      if ('code' in one) throw new Error(`an ack was answered with ${one.code}`)
      return sum + one.acked
    }, 0)
    if (this.#lease !== undefined && settled === 0) throw new Error('a lease was acknowledged of which no message was left')
    this.#lease = lease?.id
    if (lease !== null && data[end - 1] !== closingBrace) throw new Error('a lease without messages')
    if (lease !== null) this.#options.onMessages?.(data, end)
    return { settled, empty: lag <= (this.#options.endsAtLag ?? -1) }
  }
}

const closingBrace = 0x7d
