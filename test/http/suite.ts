import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { badBodies } from './bad-bodies.ts'
import { badRequests } from './bad-requests.ts'
import { contract } from './contract.ts'
import { exactPayloads } from './payloads.ts'

export interface HttpSuiteOptions {
  readonly skip?: string | false
  /** The way to the app makes a URL of the path, as API Gateway and browsers do: `..` and bad encodings don't arrive. */
  readonly paths?: 'raw' | 'normalized'
}

export interface Subject {
  readonly baseUrl: string
  readonly rawPaths: boolean
  /** A name no other test has. */
  readonly topic: () => string
}

/** The HTTP contract, from outside: all it knows of the service is a URL. */
export function httpSuite (name: string, start: (t: TestContext) => Promise<{ baseUrl: string }>, options: HttpSuiteOptions = {}): void {
  test(`HTTP: ${name}`, { skip: options.skip ?? false }, async (t) => {
    const { baseUrl } = await start(t)
    const subject: Subject = { baseUrl, rawPaths: options.paths !== 'normalized', topic: () => `t-${randomUUID()}` }
    await t.test('contract', (t) => contract(t, subject))
    await t.test('payloads', (t) => exactPayloads(t, subject))
    await t.test('bad bodies', (t) => badBodies(t, subject))
    await t.test('bad requests', (t) => badRequests(t, subject))
  })
}
