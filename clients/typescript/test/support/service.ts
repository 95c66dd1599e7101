import type { TestContext } from 'node:test'
import { type ClientOptions, StreamsClient } from '../../src/index.ts'
import { Service } from '../../../suite/service.ts'

/** A server of the test's own, behind a fault proxy, and a client of it. */
export async function startService (
  t: TestContext, options: { readonly settings?: Record<string, string>, readonly client?: Partial<ClientOptions> } = {}
): Promise<{ readonly service: Service, readonly client: StreamsClient }> {
  const service = await Service.start(options.settings === undefined ? {} : { settings: options.settings })
  t.after(() => service.close())
  return { service, client: new StreamsClient({ url: service.url, retry: { baseMs: 10, maxMs: 100 }, ...options.client }) }
}
