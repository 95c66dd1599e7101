import { spawnSync } from 'node:child_process'
import { startProgram } from '../../lib/children.ts'
import { type Cycle, exchange, type Worker } from '../../lib/workers.ts'
import type { Sharing } from './sharing.ts'

const batch = 1000

/**
 * A stream of Redis. Every change is synced before it is answered, once for all commands that have come meanwhile. The messages are
 * stored without that, because this is not what is measured.
 */
export const redisStreams: Sharing = {
  name: 'Redis Streams',
  version () {
    const { error, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
    return error === undefined ? /v=([\d.]+)/.exec(stdout)?.[1] ?? 'unknown' : undefined
  },
  start: (folder) => startProgram('redis-server', (port) => [
    '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always',
    // It would rewrite its file while it is measured.
    '--auto-aof-rewrite-percentage', '0'
  ], folder),
  async fill (server, topic, count, payload) {
    const add = command('XADD', topic, '*', 'p', payload)
    await exchange(server, [
      command('CONFIG', 'SET', 'appendfsync', 'no'),
      ...Array<string>(count / batch).fill(add.repeat(batch)),
      command('CONFIG', 'SET', 'appendfsync', 'always')
    ], isAnswer)
  },
  makeGroup: (server, topic, group) => exchange(server, [command('XGROUP', 'CREATE', topic, group, '0')], isAnswer),
  workers: (topic, group, limit, count) => Array.from({ length: count }, (_, index) => new RedisWorker(topic, group, limit, index))
}

/** Sends XACK and the next XREADGROUP together. */
class RedisWorker implements Worker {
  readonly #ack: readonly [string, string]
  readonly #read: string
  #ids: string[] = []

  constructor (topic: string, group: string, limit: number, index: number) {
    this.#ack = [topic, group]
    this.#read = command('XREADGROUP', 'GROUP', group, `worker-${index}`, 'COUNT', String(limit), 'STREAMS', topic, '>')
  }

  next (): string {
    return this.#ids.length === 0 ? this.#read : command('XACK', ...this.#ack, ...this.#ids) + this.#read
  }

  take (data: Buffer): Cycle | undefined {
    let at = 0
    let settled = 0
    if (this.#ids.length > 0) {
      const end = endOf(data, 0, 0, [])
      if (end === undefined) return undefined
      settled = Number(data.toString('latin1', 1, end))
      at = end
    }
    const ids: string[] = []
    if (endOf(data, at, 0, ids) === undefined) return undefined
    if (settled !== this.#ids.length) throw new Error(`XACK of ${this.#ids.length} was answered with ${settled}`)
    this.#ids = ids
    return { settled, empty: ids.length === 0 }
  }
}

function command (...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}

/** Of `batch` answers, or of the only one of a CONFIG or XGROUP. */
function isAnswer (data: Buffer): boolean {
  if (data.indexOf('-') === 0) throw new Error(data.toString('utf8', 0, 500))
  if (data.indexOf('+') === 0) return endOf(data, 0, 0, []) !== undefined
  let at: number | undefined = 0
  for (let count = 0; count < batch && at !== undefined; count++) at = endOf(data, at, 0, [])
  return at !== undefined
}

/** How many arrays enclose the id of a message in an answer to XREADGROUP. Those within it are in one more. */
const depthOfIds = 4

/** Where the answer at `at` ends; undefined if it is not complete. @param ids gets those of messages */
function endOf (data: Buffer, at: number, depth: number, ids: string[]): number | undefined {
  const line = data.indexOf('\r\n', at)
  if (line === -1) return undefined
  const kind = data[at]
  if (kind === 0x2d) throw new Error(data.toString('utf8', at, line))
  const end = line + 2
  if (kind !== 0x24 && kind !== 0x2a) return end
  const size = Number(data.toString('latin1', at + 1, line))
  if (size === -1) return end
  if (kind === 0x24) {
    if (depth === depthOfIds) ids.push(data.toString('latin1', end, end + size))
    return end + size + 2 > data.length ? undefined : end + size + 2
  }
  let next: number | undefined = end
  for (let index = 0; index < size && next !== undefined; index++) next = endOf(data, next, depth + 1, ids)
  return next
}
