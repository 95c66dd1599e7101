import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lambdaBridge, streamingBridge } from '../../test/support/lambda/bridge.ts'
import { functionUrlEvent } from '../../test/support/lambda/events.ts'
import { startLambda } from '../../test/support/lambda/runtime.ts'
import { FaultProxy } from './proxy.ts'

const entry = fileURLToPath(new URL('../../server.mjs', import.meta.url))
const tokenCommand = fileURLToPath(new URL('../../src/token.ts', import.meta.url))

/**
 * `server`: on SQLite; `server-tokens`: with access tokens. The others: the function in Lambda's runtime loop, in memory, whose answers
 * come whole or as they begin.
 */
export type Target = 'server' | 'server-tokens' | 'lambda' | 'lambda-streaming'

export interface ServiceOptions {
  readonly settings?: Readonly<Record<string, string>>
  readonly seed?: number
  readonly target?: Target
}

/** The service behind a fault proxy, whose address stays when the server is killed and started again. */
export class Service {
  readonly proxy: FaultProxy
  readonly #folder: string
  readonly #settings: Readonly<Record<string, string>>
  readonly #target: Target
  readonly #cleanups: Array<() => unknown> = []
  /** Of `server-tokens`: one that may do everything. */
  token: string | undefined
  #child: ChildProcess | undefined

  private constructor (proxy: FaultProxy, folder: string, { settings = {}, target = 'server' }: ServiceOptions) {
    this.proxy = proxy
    this.#folder = folder
    this.#settings = settings
    this.#target = target
  }

  static async start (options: ServiceOptions = {}): Promise<Service> {
    const service = new Service(await FaultProxy.start(options.seed), await mkdtemp(join(tmpdir(), 'streams-client-')), options)
    if (options.target === 'server-tokens') await service.#createToken()
    await service.begin()
    return service
  }

  /** Through the proxy. */
  get url (): string { return this.proxy.url }

  /** Starts the service; a server on the data that it had. */
  async begin (): Promise<void> {
    this.proxy.origin = await (this.#target.startsWith('server') ? this.#beginServer() : this.#beginLambda())
  }

  /** Nothing of a developer's own settings. */
  get #environment () {
    return { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'silent', DATA_DIR: join(this.#folder, 'data') }
  }

  async #createToken (): Promise<void> {
    const grants = ['produce:*', 'consume:*', 'groups:*', 'admin:*', 'metrics'].flatMap((grant) => ['--allow', grant])
    const args = [tokenCommand, 'create', '--name', 'suite', ...grants]
    this.token = (await promisify(execFile)(process.execPath, args, { env: this.#environment })).stdout.trim()
  }

  async #beginServer (): Promise<string> {
    const child = spawn(process.execPath, [entry], {
      env: { ...this.#environment, PORT: '0', ...this.token !== undefined && { AUTH: 'tokens' }, ...this.#settings },
      stdio: ['ignore', 'ignore', 'pipe']
    })
    this.#child = child
    const lines: string[] = []
    return new Promise<string>((resolve, reject) => {
      createInterface(child.stderr).on('line', (line) => {
        lines.push(line)
        const url = /^Listening on (http:\/\/[^\s,]+),/.exec(line)?.[1]
        if (url !== undefined) resolve(url)
      })
      child.once('close', (code) => { reject(new Error(`the server ended with ${code}: ${lines.join('\n')}`)) })
    })
  }

  async #beginLambda (): Promise<string> {
    // What the tests of the function need of a test.
    const t = { after: (cleanup: () => unknown) => { this.#cleanups.push(cleanup) } } as unknown as TestContext
    const streams = this.#target === 'lambda-streaming'
    const environment = { LOG_LEVEL: 'silent', AUTH: 'none', ...this.#settings }
    const runtime = await startLambda(t, { handler: streams ? 'index.streamHandler' : 'index.handler', concurrency: 50, environment })
    const { baseUrl } = streams
      ? await streamingBridge(t, runtime.invokeStreaming, functionUrlEvent)
      : await lambdaBridge(t, async (event) => JSON.parse(await runtime.invoke(event)) as unknown, functionUrlEvent)
    return baseUrl
  }

  /** SIGKILL. Servers only: what a function has in memory would be lost. */
  async kill (): Promise<void> {
    const child = this.#child
    this.proxy.origin = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async close (): Promise<void> {
    await this.kill()
    this.proxy.close()
    for (const cleanup of this.#cleanups.reverse()) await cleanup()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
