/** The requests that the prices are made of, each counted several times. */
import { createStores, Environment, type Counted, type Stores } from './count.ts'

export interface Shape {
  /** Bytes of a message's payload. */
  readonly size: number
  /** Messages of an append. */
  readonly batch: number
}

/** How often each request is made. The counts do not depend on it. */
const repeats = 2

interface Place {
  readonly writer: Environment
  /** Another environment, which shares no cache with those that are there. */
  readonly fresh: () => Environment
  readonly append: () => Promise<unknown>
}

async function inPlace<Result> (
  { size, batch }: Shape, stores: Stores, use: (place: Place) => Promise<Result>
): Promise<Result> {
  const opened: Environment[] = []
  const fresh = (): Environment => {
    const environment = new Environment(stores)
    opened.push(environment)
    return environment
  }
  const payload = JSON.stringify('x'.repeat(Math.max(0, size - 2)))
  const body = batch === 1
    ? `{"payload":${payload}}`
    : `{"messages":[${Array.from({ length: batch }, () => `{"payload":${payload}}`).join(',')}]}`
  const writer = fresh()
  try {
    return await use({ writer, fresh, append: () => writer.request('POST', '/topics/t/produce', body) })
  } finally {
    for (const environment of opened) await environment.close()
  }
}

async function inTurn (count: number, step: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < count; n++) await step()
}

export function countAppend (shape: Shape, stores = createStores()): Promise<Counted> {
  return inPlace(shape, stores, async ({ writer, append }) => {
    await append()
    return writer.count(repeats, () => inTurn(repeats, append))
  })
}

interface Page { readonly messages: readonly unknown[], readonly next_offset: number }

/** A reader that goes on where it stopped, each time after one append of another environment. */
export function countFollowingPoll (shape: Shape, stores = createStores()): Promise<Counted> {
  return inPlace(shape, stores, async ({ fresh, append }) => {
    const reader = fresh()
    let next = 1
    const read = async (): Promise<void> => {
      await append()
      const page = await reader.request<Page>('GET', `/topics/t/consume?offset=${next}&limit=1000`)
      if (page.messages.length !== shape.batch) throw new Error(`expected a page of ${shape.batch}, got ${page.messages.length}`)
      next = page.next_offset
    }
    await read()
    return reader.count(repeats, () => inTurn(repeats, read))
  })
}

export function countIdlePoll (stores = createStores()): Promise<Counted> {
  return inPlace({ size: 100, batch: 1 }, stores, async ({ fresh, append }) => {
    const reader = fresh()
    await append()
    const poll = (): Promise<Page> => reader.request('GET', '/topics/t/consume?offset=2&limit=1000')
    await poll()
    return reader.count(repeats, () => inTurn(repeats, poll))
  })
}

interface Received { readonly messages: readonly unknown[], readonly lease: { readonly id: string } | null }

/**
 * A receive that acknowledges the lease before, by a worker that keeps up with the appends.
 * @param lease messages that it gets; a divisor or a multiple of the batch
 */
export function countReceive (shape: Shape, lease: number, stores = createStores()): Promise<Counted> {
  return inPlace(shape, stores, async ({ fresh, append }) => {
    const reader = fresh()
    const receives = Math.max(1, shape.batch / lease)
    const receive = worker(lease)
    const keepUp = async (): Promise<void> => {
      await inTurn(Math.max(1, lease / shape.batch), append)
      await inTurn(receives, () => receive(reader))
    }
    await keepUp()
    return reader.count(repeats * receives, () => inTurn(repeats, keepUp))
  })
}

/** The same while the worker is behind, so that an environment that knows nothing must look for the segment. */
export function countReceiveBehind (shape: Shape, stores = createStores()): Promise<Counted> {
  return inPlace(shape, stores, async ({ fresh, append }) => {
    await inTurn(4, append)
    const receive = worker(shape.batch)
    await receive(fresh())
    const stranger = fresh()
    return stranger.count(1, () => receive(stranger))
  })
}

function worker (lease: number): (environment: Environment) => Promise<void> {
  let last = ''
  return async (environment) => {
    const ack = last === '' ? '' : `,"ack":[{"lease_id":"${last}"}]`
    const answer = await environment.request<Received>('POST', '/topics/t/groups/g/receive', `{"limit":${lease}${ack}}`)
    if (answer.lease === null || answer.messages.length !== lease) {
      throw new Error(`expected a lease of ${lease}, got ${answer.messages.length}`)
    }
    last = answer.lease.id
  }
}

/** A sweep that removes a segment. */
export function countRemovingSweep (stores = createStores()): Promise<Counted> {
  return inPlace({ size: 100, batch: 1 }, stores, async ({ writer, append }) => {
    await writer.request('PUT', '/topics/t', '{"retention_bytes":1}')
    await inTurn(2, append)
    return writer.count(1, () => writer.sweep())
  })
}

/** A sweep of a topic with `retention_ms` of which nothing is due. */
export function countSweep (stores = createStores()): Promise<Counted> {
  return inPlace({ size: 100, batch: 1 }, stores, async ({ writer, append }) => {
    await writer.request('PUT', '/topics/t', '{"retention_ms":604800000}')
    await append()
    await writer.sweep()
    return writer.count(repeats, () => inTurn(repeats, () => writer.sweep()))
  })
}
