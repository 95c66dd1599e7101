import { readFileSync } from 'node:fs'

/* The format of clients/suite/scenarios.json; clients/suite/README.md says what each step means. */

export interface Scenario {
  readonly name: string
  readonly seed: number
  /** By default all. */
  readonly targets?: readonly string[]
  readonly settings?: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
}

export type Step =
  | { readonly faults: readonly unknown[] }
  | { readonly together: readonly Step[] }
  | { readonly kill: { readonly afterRequests: number, readonly downMs: number } }
  | { readonly produce: { readonly topic: string, readonly messages: number, readonly batchMessages?: number, readonly keys?: number } }
  | { readonly append: { readonly topic: string, readonly messages: number, readonly concurrency: number } }
  | { readonly read: { readonly topic: string, readonly messages: number, readonly order?: boolean, readonly pageSize?: number } }
  | {
    readonly follow: {
      readonly topic: string, readonly messages: number, readonly transport?: 'poll' | 'sse', readonly openMs?: number
    }
  }
  | { readonly consume: ConsumeStep }
  | { readonly process: Omit<ConsumeStep, 'mode' | 'workers' | 'keyOrder'> & { readonly to: string, readonly again?: boolean } }
  | { readonly fence: { readonly topic: string, readonly id: string, readonly before: number, readonly after: number } }

export interface ConsumeStep {
  readonly topic: string
  readonly group: string
  readonly messages: number
  readonly concurrency: number
  readonly leaseMs: number
  readonly workers?: number
  readonly mode?: 'shared' | 'keyed' | 'exclusive'
  readonly failEvery?: number
  readonly keyOrder?: boolean
}

const file = new URL('../../../suite/scenarios.json', import.meta.url)

export const { scenarios } = JSON.parse(readFileSync(file, 'utf8')) as { readonly scenarios: readonly Scenario[] }
