import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { badBodies } from './bad-bodies.suite.ts'
import { badRequests } from './bad-requests.suite.ts'
import { batches } from './batches.suite.ts'
import { conditionalAppends } from './conditions.suite.ts'
import { contract } from './contract.suite.ts'
import { encodings } from './encodings.suite.ts'
import { live } from './live.suite.ts'
import { ndjson } from './ndjson.suite.ts'
import { exactPayloads } from './payloads.suite.ts'
import { readingByTime } from './time.suite.ts'
import { topics } from './topics.suite.ts'
import { useToken } from '../support/http/requests.ts'

/**
 * What becomes of a path on its way to the app. `normalized`: it is made a URL, so `..` and bad encodings don't arrive.
 * `decoded`: and `%2F` arrives as `/`.
 */
export type Paths = 'raw' | 'normalized' | 'decoded'

export interface HttpSuiteOptions {
  readonly skip?: string | false
  readonly paths?: Paths
  /** Only the contract, where the rest has been run on the same without access control. */
  readonly contractOnly?: boolean
  /** Answers come whole only: no server-sent events. */
  readonly buffered?: boolean
  /** A request waits until the one before it is answered: none can be answered by another. */
  readonly oneAtATime?: boolean
}

export interface Subject {
  readonly baseUrl: string
  readonly paths: Paths
  /** Whether an answer can come bit by bit. */
  readonly streams: boolean
  /** A name no other test has. */
  readonly topic: () => string
}

/** A service, and a token that may do everything, if it has access control. */
export interface Started { readonly baseUrl: string, readonly token?: string }

/** What `Started.token` must be allowed. */
export const everything = ['produce:*', 'consume:*', 'groups:*', 'admin:*', 'metrics']

/** The HTTP contract, from outside: all it knows of the service is a URL, and a token. */
export function httpSuite (name: string, start: (t: TestContext) => Promise<Started>, options: HttpSuiteOptions = {}): void {
  test(`HTTP: ${name}`, { skip: options.skip ?? false }, async (t) => {
    const { baseUrl, token } = await start(t)
    if (token !== undefined) useToken(baseUrl, token)
    const subject: Subject = {
      baseUrl,
      paths: options.paths ?? 'raw',
      streams: options.buffered !== true,
      topic: () => `t-${randomUUID()}`
    }
    await t.test('contract', (t) => contract(t, subject))
    if (options.contractOnly === true) return
    await t.test('payloads', (t) => exactPayloads(t, subject))
    await t.test('live', { skip: options.oneAtATime === true && 'one at a time' }, (t) => live(t, subject))
    await t.test('bad bodies', (t) => badBodies(t, subject))
    await t.test('bad requests', (t) => badRequests(t, subject))
    await t.test('batches', (t) => batches(t, subject))
    await t.test('NDJSON', (t) => ndjson(t, subject))
    await t.test('encodings', (t) => encodings(t, subject))
    await t.test('topics', (t) => topics(t, subject))
    await t.test('conditional appends', (t) => conditionalAppends(t, subject))
    await t.test('time and lag', (t) => readingByTime(t, subject))
  })
}
