import { parentPort, workerData } from 'node:worker_threads'

export interface Call { readonly name: string, readonly parameters: readonly unknown[] }

export type Outcome = { readonly result: unknown } | { readonly message: string }

const { tasks } = await import(workerData as string) as { tasks: Record<string, (...parameters: unknown[]) => Promise<unknown>> }

parentPort!.on('message', ({ name, parameters }: Call) => {
  tasks[name]!(...parameters).then(
    (result) => { parentPort!.postMessage({ result } satisfies Outcome) },
    (error: unknown) => { parentPort!.postMessage({ message: error instanceof Error ? error.message : String(error) } satisfies Outcome) })
})
