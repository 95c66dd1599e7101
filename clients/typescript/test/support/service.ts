import type { TestContext } from 'node:test'
import { type ClientOptions, StreamsClient } from '../../src/index.ts'
import { Service, type ServiceOptions } from '../../../suite/service.ts'

/** A server of the test's own, behind a fault proxy, and a client of it. */
export async function startService (
  t: TestContext, options: { readonly client?: Partial<ClientOptions> } & ServiceOptions = {}
): Promise<{ readonly service: Service, readonly client: StreamsClient }> {
  const service = await Service.start(options)
  t.after(() => service.close())
  const { url, token } = service
  const client = new StreamsClient({ url, retry: { baseMs: 10, maxMs: 100 }, ...token !== undefined && { token }, ...options.client })
  return { service, client }
}
