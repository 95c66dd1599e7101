import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FaultProxy } from './proxy.ts'

const entry = fileURLToPath(new URL('../../server.mjs', import.meta.url))

/** A server on SQLite behind a fault proxy, whose address stays when the server is killed and started again. */
export class Service {
  readonly proxy: FaultProxy
  readonly #folder: string
  readonly #settings: Readonly<Record<string, string>>
  #child: ChildProcess | undefined

  private constructor (proxy: FaultProxy, folder: string, settings: Readonly<Record<string, string>>) {
    this.proxy = proxy
    this.#folder = folder
    this.#settings = settings
  }

  static async start (settings: Readonly<Record<string, string>> = {}, seed = 1): Promise<Service> {
    const service = new Service(await FaultProxy.start(seed), await mkdtemp(join(tmpdir(), 'streams-client-')), settings)
    await service.begin()
    return service
  }

  /** Through the proxy. */
  get url (): string { return this.proxy.url }

  /** Starts the server, on the data that it had. */
  async begin (): Promise<void> {
    const child = spawn(process.execPath, [entry], {
      // Nothing of a developer's own settings.
      env: { PATH: process.env['PATH'] ?? '', PORT: '0', LOG_LEVEL: 'silent', DATA_DIR: join(this.#folder, 'data'), ...this.#settings },
      stdio: ['ignore', 'ignore', 'pipe']
    })
    this.#child = child
    const lines: string[] = []
    this.proxy.origin = await new Promise<string>((resolve, reject) => {
      createInterface(child.stderr).on('line', (line) => {
        lines.push(line)
        const url = /^Listening on (http:\/\/[^\s,]+),/.exec(line)?.[1]
        if (url !== undefined) resolve(url)
      })
      child.once('close', (code) => { reject(new Error(`the server ended with ${code}: ${lines.join('\n')}`)) })
    })
  }

  /** SIGKILL. */
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
    await rm(this.#folder, { recursive: true, force: true })
  }
}
