import { setTimeout as wait } from 'node:timers/promises'

/*
 * A worker of a consumer group in a process of its own: `group-worker.ts NAME TOPIC GROUP LIMIT LEASE_MS URL…`. Tells its parent of every
 * delivery and of every ack. Goes to the next server when one is gone, and repeats what had no answer. Messages whose payload has
 * `poison` are handed back each time. It ends when told to.
 */
export type WorkerReport =
  | {
    readonly kind: 'delivered',
    readonly worker: string,
    readonly lease: string,
    readonly at: number,
    readonly late: boolean,
    readonly messages: ReadonlyArray<{ readonly offset: number, readonly key?: string, readonly attempt: number }>
  }
  /** `lost`: the lease had ended. */
  | { readonly kind: 'acked' | 'lost', readonly worker: string, readonly lease: string, readonly offsets: readonly number[] }

interface Delivered {
  readonly messages: ReadonlyArray<{ readonly offset: number, readonly key?: string, readonly payload: { readonly poison?: boolean } }>
  readonly lease: {
    readonly id: string
    readonly redelivered: ReadonlyArray<{ readonly first: number, readonly last: number, readonly attempt: number }>
  } | null
  readonly acked?: ReadonlyArray<{ readonly acked?: number, readonly already?: boolean, readonly code?: string }>
}

/** By an ack in the next receive. */
interface Pending { readonly lease: string, readonly offsets: readonly number[] }

const [worker, topic, group, limit, leaseMs, ...urls] = process.argv.slice(2) as [string, string, string, string, string, ...string[]]
const stop = new AbortController()
process.on('message', () => { stop.abort() })
let at = Number(/\d+/.exec(worker)?.[0] ?? 0)
let pending: Pending[] = []
let receives = 0

while (!stop.signal.aborted || pending.length > 0) await work()
process.disconnect()

async function work (): Promise<void> {
  const acks = pending
  const sentAt = Date.now()
  const answer = await ask('receive', {
    limit: Number(limit),
    lease_ms: Number(leaseMs),
    wait: stop.signal.aborted ? 0 : 0.5,
    consumer: worker,
    ...acks.length > 0 && { ack: acks.map(({ lease, offsets }) => ({ lease_id: lease, offsets })) }
  }, `${worker}-${receives++}`) as unknown as Delivered
  pending = []
  for (const [i, { lease, offsets }] of acks.entries()) {
    const { code } = answer.acked![i]!
    tell({ kind: code === undefined ? 'acked' : 'lost', worker, lease, offsets })
  }
  if (answer.lease === null) return
  const { id: lease, redelivered } = answer.lease
  const attemptOf = (offset: number): number => redelivered.find(({ first, last }) => offset >= first && offset <= last)?.attempt ?? 1
  const messages = answer.messages.map(({ offset, key }) => ({ offset, ...key !== undefined && { key }, attempt: attemptOf(offset) }))
  tell({ kind: 'delivered', worker, lease, at: Date.now(), late: Date.now() - sentAt > Number(leaseMs) / 2, messages })
  const returned = new Set<number>()
  for (const { offset, payload } of answer.messages) {
    if (payload.poison !== true || returned.has(offset)) continue
    const nacked = await ask('nack', { lease_id: lease, offsets: [offset] })
    returned.add(offset)
    for (const other of nacked['returned'] as number[] | undefined ?? []) returned.add(other)
  }
  const done = messages.map(({ offset }) => offset).filter((offset) => !returned.has(offset))
  if (done.length > 0) pending.push({ lease, offsets: done })
}

/** Asks until there is an answer; `lease_lost` is one. */
async function ask (command: string, body: object, key?: string): Promise<Record<string, unknown>> {
  for (;;) {
    try {
      const answer = await fetch(`${urls[at % urls.length]}/topics/${topic}/groups/${group}/${command}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...key !== undefined && { 'idempotency-key': key } },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(30_000)
      })
      const json = await answer.json() as Record<string, unknown>
      if (answer.status === 200 || json['code'] === 'lease_lost') return json
      if (json['retriable'] !== true) throw new Error(JSON.stringify(json))
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('{')) {
        console.error(error.message)
        process.exit(1)
      }
      at++
    }
    await wait(50)
  }
}

function tell (report: WorkerReport): void {
  process.send!(report)
}
