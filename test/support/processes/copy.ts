import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { environmentOf, type Localstack } from '../storage/localstack.ts'

const entry = fileURLToPath(new URL('../../../src/copy.ts', import.meta.url))

export interface Copied { readonly code: number | null, readonly stdout: string, readonly stderr: string }

/** `node src/copy.ts …`, with what it needs to reach LocalStack. */
export function copyProcess (args: readonly string[], storage?: Localstack, execArgv: readonly string[] = []) {
  const { PATH = '' } = process.env
  const { BUCKET_NAME, COUNTERS_TABLE, ...environment } = storage === undefined ? {} : environmentOf(storage)
  const child: ChildProcess = spawn(process.execPath, [...execArgv, entry, ...args], { env: { PATH, ...environment }, stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk })
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk })
  const ended = once(child, 'close').then(([code]): Copied => ({ code: code as number | null, stdout, stderr }))
  return { child, ended }
}

export function copy (args: readonly string[], storage?: Localstack, execArgv?: readonly string[]): Promise<Copied> {
  return copyProcess(args, storage, execArgv).ended
}

export function awsPlace ({ bucket, table }: Pick<Localstack, 'bucket' | 'table'>): string {
  return `aws:${bucket}/${table}`
}
