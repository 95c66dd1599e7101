import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Server, startProgram } from '../../lib/children.ts'
import { type Cycle, exchange, type Worker } from '../../lib/workers.ts'
import type { Sharing } from './sharing.ts'

const batch = 1000
const hello = 'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n'

/** A pull consumer of a JetStream stream in a file. It does not sync what is acknowledged, and can't be told to. */
export const natsJetStream: Sharing = {
  name: 'NATS JetStream',
  version () {
    const { error, stdout } = spawnSync('nats-server', ['--version'], { encoding: 'utf8' })
    return error === undefined ? /v([\d.]+)/.exec(stdout)?.[1] ?? 'unknown' : undefined
  },
  start: (folder) => startProgram('nats-server', (port) => ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder], folder),
  async fill (server, topic, count, payload) {
    await ask(server, `$JS.API.STREAM.CREATE.${topic}`, { name: topic, subjects: [topic], storage: 'file' })
    const messages = publish(topic, payload).repeat(batch)
    const requests = Array.from({ length: count / batch }, (_, index) => `${index === 0 ? hello : ''}${messages}PING\r\n`)
    await exchange(server, requests, (data) => data.includes('PONG\r\n'))
    // The stream stores what was published a little later.
    for (let waited = 0; waited < 60_000; waited += 50) {
      const { state } = await ask<{ state: { messages: number } }>(server, `$JS.API.STREAM.INFO.${topic}`, {})
      if (state.messages === count) return
      await sleep(50)
    }
    throw new Error('NATS has not stored all messages within 60 s')
  },
  async makeGroup (server, topic, group) {
    await ask(server, `$JS.API.CONSUMER.DURABLE.CREATE.${topic}.${group}`, {
      stream_name: topic,
      config: { durable_name: group, ack_policy: 'explicit', deliver_policy: 'all', max_ack_pending: 20_000, max_waiting: 512 }
    })
  },
  workers: (topic, group, limit, count) => Array.from({ length: count }, (_, index) => (
    new NatsWorker(`$JS.API.CONSUMER.MSG.NEXT.${topic}.${group}`, limit, `inbox.${group}.${index}`)))
}

/** Acknowledges each message, the last one with a confirmation, and asks for the next ones at the same time. */
class NatsWorker implements Worker {
  readonly #ask: string
  readonly #inbox: string
  readonly #limit: number
  #replies: string[] = []
  #sent = 0
  #greeted = false
  #pinged = false

  constructor (subject: string, limit: number, inbox: string) {
    this.#ask = publish(subject, JSON.stringify({ batch: limit, no_wait: true }), `${inbox}.messages`)
    this.#inbox = inbox
    this.#limit = limit
  }

  next (): string {
    const greeting = this.#greeted ? '' : `${hello}SUB ${this.#inbox}.messages 1\r\nSUB ${this.#inbox}.acks 2\r\n`
    this.#greeted = true
    const pong = this.#pinged ? 'PONG\r\n' : ''
    this.#pinged = false
    this.#sent = this.#replies.length
    const acks = this.#replies.map((reply, index) => publish(reply, '+ACK', index === this.#sent - 1 ? `${this.#inbox}.acks` : undefined))
    return greeting + pong + acks.join('') + this.#ask
  }

  take (data: Buffer): Cycle | undefined {
    const replies: string[] = []
    let confirmed = this.#sent === 0
    let ended = false
    const complete = eachFrame(data, ({ words, payload }) => {
      if (words[0] === 'PING') this.#pinged = true
      else if (words[0] === '-ERR') throw new Error(words.join(' '))
      else if (words[0] === 'HMSG') ended = statusOf(payload)
      else if (words[0] === 'MSG' && words[2] === '2') confirmed = true
      else if (words[0] === 'MSG') replies.push(words[3]!)
    })
    if (!complete || !confirmed || (!ended && replies.length < this.#limit)) return undefined
    this.#replies = replies
    return { settled: this.#sent, empty: replies.length === 0 }
  }
}

/** @returns true if there are no more messages */
function statusOf (head: string): true {
  if (!/^NATS\/1\.0 40[48]/.test(head)) throw new Error(head.slice(0, 200))
  return true
}

function publish (subject: string, payload: string, reply?: string): string {
  return `PUB ${subject}${reply === undefined ? '' : ` ${reply}`} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`
}

interface Frame { readonly words: readonly string[], readonly payload: string }

/** @returns whether the data ends where a frame ends */
function eachFrame (data: Buffer, onFrame: (frame: Frame) => void): boolean {
  let at = 0
  while (at < data.length) {
    const line = data.indexOf('\r\n', at)
    if (line === -1) return false
    const words = data.toString('latin1', at, line).split(' ')
    at = line + 2
    if (words[0] !== 'MSG' && words[0] !== 'HMSG') {
      onFrame({ words, payload: '' })
      continue
    }
    const size = Number(words.at(-1))
    if (at + size + 2 > data.length) return false
    // Payloads of messages are not looked at.
    onFrame({ words, payload: words[0] === 'HMSG' ? data.toString('latin1', at, at + size) : '' })
    at += size + 2
  }
  return true
}

/** One request to the interface of JetStream. */
async function ask<Answer> (server: Server, subject: string, body: object): Promise<Answer> {
  let answer: Answer | undefined
  await exchange(server, [`${hello}SUB inbox 1\r\n${publish(subject, JSON.stringify(body), 'inbox')}`], (data) => {
    const text = data.toString()
    const start = text.indexOf('\r\nMSG ') + 2
    if (start === 1) return false
    const line = text.indexOf('\r\n', start)
    const size = Number(text.slice(start, line).split(' ').at(-1))
    if (data.length < line + 2 + size) return false
    answer = JSON.parse(text.slice(line + 2, line + 2 + size)) as Answer
    return true
  })
  if (typeof answer === 'object' && answer !== null && 'error' in answer) throw new Error(`${subject}: ${JSON.stringify(answer.error)}`)
  return answer!
}
