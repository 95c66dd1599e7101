import type { AwsStores } from './aws-stores.ts'

const names = ['segments', 'topics', 'records', 'groups', 'tokens'] as const
type Stores = Pick<AwsStores, typeof names[number] | 'close'>

/**
 * Stores that the first call to one of them opens. Until then the AWS SDK is not loaded, and takes no time of a process that may never
 * need it.
 */
export function openLate (open: () => Promise<Stores>): Stores {
  let opened: Promise<Stores> | undefined
  // All methods of stores return promises.
  const late = (name: typeof names[number]) => new Proxy({}, {
    get: (_, method: string) => async (...given: unknown[]) => {
      const stores = await (opened ??= open())
      return (stores[name] as unknown as Record<string, (...given: unknown[]) => unknown>)[method]!(...given)
    }
  })
  return {
    ...Object.fromEntries(names.map((name) => [name, late(name)])) as unknown as Omit<Stores, 'close'>,
    close: () => { opened?.then(({ close }) => { close() }, () => {}) }
  }
}
