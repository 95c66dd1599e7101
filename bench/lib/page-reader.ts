import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import type { Server } from './children.ts'

/** What a reader must know of a page to ask for the next one. */
export interface PageSeen {
  readonly headers: Readonly<Record<string, string>>
  /** The first and the last bytes of the body. */
  readonly start: string
  readonly end: string
  readonly bytes: number
}

const seen = 64

/**
 * Reads answers on one connection and looks only at their edges. Node's own client costs about as much as our server does
 * for the same bytes, and would hide half of any difference.
 */
export class PageReader {
  readonly #socket: Socket
  #page: Page | undefined
  #done: PromiseWithResolvers<PageSeen> | undefined

  private constructor (socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => { this.#take(chunk) })
    socket.on('error', (error) => { this.#done?.reject(error) })
    socket.on('close', () => { this.#done?.reject(new Error('the server closed the connection')) })
  }

  static async open (server: Server): Promise<PageReader> {
    const socket = createConnection({ port: server.port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new PageReader(socket)
  }

  get (path: string): Promise<PageSeen> {
    this.#page = new Page()
    this.#done = Promise.withResolvers<PageSeen>()
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    return this.#done.promise
  }

  close (): void {
    this.#socket.destroy()
  }

  #take (chunk: Buffer): void {
    try {
      if (this.#page?.take(chunk) === true) this.#done?.resolve(this.#page)
    } catch (error) {
      this.#done?.reject(error)
    }
  }
}

/** One answer as it comes in. */
class Page implements PageSeen {
  headers: Record<string, string> = {}
  start = ''
  end = ''
  bytes = 0
  #head: Buffer | undefined = Buffer.alloc(0)
  #chunked = false
  /** Bytes of the body, or of its current chunk, that are still to come; undefined between two chunks. */
  #left: number | undefined
  #line = ''
  #last = false

  /** @returns whether the answer is complete */
  take (data: Buffer): boolean {
    if (this.#head === undefined) return this.#body(data)
    this.#head = Buffer.concat([this.#head, data])
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) return false
    const [status = '', ...lines] = this.#head.toString('latin1', 0, end).split('\r\n')
    const rest = this.#head.subarray(end + 4)
    if (!status.includes(' 200 ')) throw new Error(`answered with ${status}: ${rest.toString('utf8', 0, 500)}`)
    this.headers = Object.fromEntries(lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()
    ]))
    this.#head = undefined
    this.#chunked = this.headers['transfer-encoding'] === 'chunked'
    if (!this.#chunked) this.#left = Number(this.headers['content-length'])
    return this.#body(rest)
  }

  #body (data: Buffer): boolean {
    let at = 0
    for (;;) {
      if (this.#left !== undefined) {
        const length = Math.min(this.#left, data.length - at)
        this.#keep(data.subarray(at, at + length))
        at += length
        this.#left -= length
        if (this.#left > 0) return false
        if (!this.#chunked) return true
        this.#left = undefined
      }
      const newline = data.indexOf('\n', at)
      this.#line += data.toString('latin1', at, newline === -1 ? data.length : newline)
      if (newline === -1) return false
      at = newline + 1
      const line = this.#line.trim()
      this.#line = ''
      // An empty line ends each chunk, and one more the chunk of length 0 that is the last.
      if (this.#last && line === '') return true
      if (line === '0') this.#last = true
      else if (line !== '') this.#left = Number.parseInt(line, 16)
    }
  }

  #keep (part: Buffer): void {
    this.bytes += part.length
    if (this.start.length < seen) this.start += part.toString('latin1', 0, seen)
    this.end = (this.end + part.toString('latin1', Math.max(0, part.length - seen))).slice(-seen)
  }
}
