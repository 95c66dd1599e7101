import { StreamsClient, type ClientOptions, StreamsError } from '../../clients/typescript/src/index.ts'
import { toSnakeJson } from '../../clients/typescript/src/case.ts'
import { clientOf, type Connection, connectionOf, type ConnectionOptions, impatient } from './connection.ts'
import { Interrupts } from './interrupts.ts'
import { Notes, Output } from './output.ts'

/** Options that all commands have. */
export interface CommonOptions extends ConnectionOptions {
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly color?: boolean
}

/** What a command works with. */
export class Session {
  readonly #options: CommonOptions
  readonly out: Output
  readonly notes: Notes
  readonly interrupts: Interrupts
  #connection: Connection | undefined

  constructor (options: CommonOptions, interrupts: Interrupts) {
    this.#options = options
    this.out = new Output(options)
    this.notes = new Notes(options)
    this.interrupts = interrupts
  }

  get signal (): AbortSignal { return this.interrupts.signal }

  get options (): CommonOptions { return this.#options }

  get connection (): Connection {
    this.#connection ??= connectionOf(this.#options)
    return this.#connection
  }

  /** A client for calls whose answers somebody waits for. */
  get client (): StreamsClient {
    return this.clientWith({ retry: impatient, timeoutMs: 30_000 })
  }

  /** A client that outlives outages, and tells of them. */
  get patientClient (): StreamsClient {
    return this.clientWith({ timeoutMs: 120_000 })
  }

  clientWith (options: Partial<ClientOptions>, connection = this.connection): StreamsClient {
    return clientOf(connection, {
      ...options,
      hooks: {
        onRetry: ({ error, delayMs }) => { this.tellOfRetry(error, delayMs) },
        ...this.#options.verbose === true && {
          onResponse: ({ method, url, status, ms, requestId }) => {
            process.stderr.write(`${method} ${url} ${status} ${ms.toFixed(0)} ms${requestId === undefined ? '' : ` ${requestId}`}\n`)
          }
        }
      }
    })
  }

  #toldAt = -Infinity

  /** Not each of them: an outage would fill the screen. */
  tellOfRetry (error: StreamsError, delayMs: number): void {
    const now = performance.now()
    if (now - this.#toldAt < 5_000) return
    this.#toldAt = now
    this.notes.note(`${this.notes.style('yellow', 'trying again')} in ${(delayMs / 1_000).toFixed(1)} s: ${error.message}`)
  }

  /** A result in the words of the service, for programs; or as `show` shows it. */
  result (value: unknown, show: () => void): void {
    if (this.out.json) this.out.line(toSnakeJson(value))
    else show()
  }
}
