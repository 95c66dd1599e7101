import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../../../suite/main.ts', import.meta.url))

/** The service of the suite, as runners in any language use it. */
export interface SuiteService {
  readonly url: string
  /** Where the service wants one. */
  readonly token?: string
  /** @param body for `/faults` @returns how many requests there were, and which faults */
  control (path: '/faults' | '/kill' | '/start' | '/', body?: unknown): Promise<{ requests: number, happened: Record<string, number> }>
}

export async function suiteService (
  t: TestContext,
  options: { readonly seed: number, readonly settings?: Readonly<Record<string, string>> | undefined, readonly target: string }
): Promise<SuiteService> {
  const child = spawn(process.execPath, [entry, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(async () => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'exit')
  })
  const ended = once(child, 'exit').then(([code]) => { throw new Error(`the service of the suite ended with ${code}`) })
  ended.catch(() => {})
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line') as Promise<[string]>, ended])
  const { control, ...where } = JSON.parse(line) as { url: string, control: string, token?: string }
  return {
    ...where,
    async control (path, body) {
      const response = await fetch(`${control}${path}`, { method: 'POST', ...body !== undefined && { body: JSON.stringify(body) } })
      if (!response.ok) throw new Error(await response.text())
      return await response.json() as { requests: number, happened: Record<string, number> }
    }
  }
}
