import { Writable } from 'node:stream'

export interface Head { statusCode: number, headers: Record<string, string> }

/** What Lambda hands to a handler that streams, for tests that call one in their own process. */
export class ResponseStream extends Writable {
  head: Head | undefined
  body = ''
  /** Until called, the reader takes nothing more. */
  #resume: (() => void) | undefined
  #paused = false

  pause (): void { this.#paused = true }

  resume (): void {
    this.#paused = false
    this.#resume?.()
  }

  override _write (chunk: Buffer, _encoding: string, done: () => void): void {
    this.body += chunk.toString('utf8')
    if (this.#paused) this.#resume = done
    else done()
  }
}

/** Made for a stream, and its head with the first write only. */
class HttpResponseStream {
  static from (stream: ResponseStream, head: Head): ResponseStream {
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
    stream.write = (...args: unknown[]) => {
      stream.head = JSON.parse(JSON.stringify(head)) as Head
      return write(...args)
    }
    return stream
  }
}

/** The global that Lambda's runtime makes. */
export function lambdaGlobal (): void {
  Object.assign(globalThis, { awslambda: { streamifyResponse: (handler: unknown) => handler, HttpResponseStream } })
}
