import type { Cost, CountedService } from '../counted-service.ts'
import { payloadOf } from '../payloads.ts'

export const messageBytes = 1024

export interface Counted extends Cost {
  /** Requests to the service, for the calls of each. */
  readonly requests: number
  /** Messages written or read; 0 for polls that find nothing, and for all else. */
  readonly messages: number
}

/** What a case works with. */
export interface Service {
  readonly writer: CountedService
  /** Shares no cache with the writer. */
  readonly reader: CountedService
  /** A process that knows nothing. The case closes it. */
  fresh (): CountedService
  /** Of this case and round only; other topics of it begin with this name. */
  readonly topic: string
  readonly amount: number
}

export interface Case { readonly name: string, run (service: Service): Promise<Counted> }

export function payload (seed: number): string {
  return payloadOf(messageBytes, seed)
}

export function payloads (count: number): string[] {
  return Array.from({ length: count }, (_, index) => payload(index + 1))
}

/** `count` times, one after the other. @param step gets 0, 1, … */
export async function inTurn (count: number, step: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await step(index)
}

/** `count` times, one after the other, each time by a process that knows nothing. @returns what each has cost */
export async function inFreshProcesses (
  service: Service, count: number, use: (process: CountedService, index: number) => Promise<unknown>
): Promise<Cost[]> {
  const costs: Cost[] = []
  for (let index = 0; index < count; index++) {
    const process = service.fresh()
    costs.push(await process.count(async () => { await use(process, index) }))
    await process.close()
  }
  return costs
}
