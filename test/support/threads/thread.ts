import { Worker } from 'node:worker_threads'
import type { Call, Outcome } from './worker.ts'

/** Functions of a module whose parameters and results are plain data. */
type Tasks = Record<string, (...parameters: never[]) => Promise<unknown>>

/**
 * Calls the functions of a module in a thread of their own, one at a time. node:test follows each promise of the thread that it
 * runs in, which makes code that creates millions of them two to three times slower.
 */
export class Thread<Module extends Tasks> {
  readonly #worker: Worker

  /** @param module the URL of a module that exports `tasks` */
  constructor (module: URL) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: module.href })
    this.#worker.unref()
  }

  /** @throws Error with the message of what the function throws */
  run<Name extends string & keyof Module> (
    name: Name, ...parameters: Parameters<Module[Name]>
  ): Promise<Awaited<ReturnType<Module[Name]>>> {
    const worker = this.#worker
    worker.ref()
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome): void => {
        worker.off('error', reject)
        worker.unref()
        if ('message' in outcome) reject(new Error(outcome.message))
        else resolve(outcome.result as Awaited<ReturnType<Module[Name]>>)
      }
      worker.once('error', reject)
      worker.once('message', settle)
      worker.postMessage({ name, parameters } satisfies Call)
    })
  }
}
