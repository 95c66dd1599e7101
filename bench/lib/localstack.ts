import type { TestContext } from 'node:test'
import type { Storage } from './counted-service.ts'

/**
 * Runs `use` with a bucket and a table of its own on LocalStack, as the tests start it: in a container, or where
 * TEST_LOCALSTACK_ENDPOINT says. Undefined where neither is to be had.
 */
export async function withLocalstack<T> (use: (storage: Storage) => Promise<T>): Promise<T | undefined> {
  const { globalSetup, globalTeardown } = await import('../../test/support/global-setup.ts')
  await globalSetup()
  const after: Array<() => Promise<void>> = []
  try {
    if (process.env['TEST_LOCALSTACK_ENDPOINT'] === undefined) return undefined
    // Reads the variable when it is loaded.
    const { localstack } = await import('../../test/support/storage/localstack.ts')
    const context = { name: 'benchmark', after: (done: () => Promise<void>) => { after.push(done) } }
    return await use(await localstack(context as unknown as TestContext))
  } finally {
    for (const done of after) await done()
    await globalTeardown()
  }
}
