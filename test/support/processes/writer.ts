import { setTimeout as wait } from 'node:timers/promises'

/*
 * A client process with several writers: `writer-process.ts NAME WRITERS TOPIC BATCH URL…`. Tells its parent of every append
 * what came of it, and stops when told to. A writer whose server is gone goes to the next one. An append is of one message, or of
 * up to BATCH. Of every three writers one sends each append once; one has a producer's seqs, and one an Idempotency-Key for
 * each append: these repeat what was not acknowledged until it is, and now and then what was.
 */
export interface Appended {
  readonly id: string
  readonly count: number
  readonly outcome: 'acknowledged' | 'no' | 'unknown'
  readonly offset?: number
}

/** What is written: each message says which part of how many it is. */
export interface Payload { readonly id: string, readonly part: number, readonly of: number }

const [name, writers, topic, batch, ...urls] = process.argv.slice(2) as [string, string, string, string, ...string[]]
const filler = 'x'.repeat(200)
const stop = new AbortController()
process.on('message', () => { stop.abort() })

/** Members and headers that identify an append. */
interface Identity { readonly members?: object, readonly headers?: Readonly<Record<string, string>> }

const identityOf: ReadonlyArray<(w: number, n: number) => Identity | undefined> = [
  () => undefined,
  (w, n) => ({ members: { producer: { id: `${name}-${w}`, epoch: 0, seq: n } } }),
  (w, n) => ({ headers: { 'idempotency-key': `${name}-${w}-${n}` } })
]

await Promise.all(Array.from({ length: Number(writers) }, (_, w) => write(w)))
process.disconnect()

async function write (w: number): Promise<void> {
  let at = w
  for (let n = 0; !stop.signal.aborted; n++) {
    const id = `${name}-${w}-${n}`
    const identity = identityOf[w % identityOf.length]!(w, n)
    const count = 1 + (n * 31 + w * 7) % Number(batch)
    const send = async (): Promise<Appended> => {
      const appended = await append(urls[at % urls.length]!, id, count, identity)
      process.send!(appended)
      if (appended.outcome !== 'acknowledged') {
        at++
        await wait(50)
      }
      return appended
    }
    if (identity === undefined) {
      await send()
      continue
    }
    while ((await send()).outcome !== 'acknowledged' && !stop.signal.aborted);
    if (n % 10 === 0) await send()
  }
}

async function append (url: string, id: string, count: number, identity: Identity = {}): Promise<Appended> {
  const messages = Array.from({ length: count }, (_, part) => ({ payload: { id, part, of: count, ...count > 1 && { filler } } }))
  try {
    const answer = await fetch(`${url}/topics/${topic}/produce`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...identity.headers
      },
      body: JSON.stringify({ ...count === 1 ? messages[0] : { messages }, ...identity.members }),
      signal: AbortSignal.timeout(30_000)
    })
    const body = await answer.json() as { offset?: number, written?: 'no' | 'unknown' }
    if (answer.status === 200) return { id, count, outcome: 'acknowledged', offset: body.offset! }
    return { id, count, outcome: body.written ?? 'unknown' }
  } catch {
    // No answer, or half of one: it may be in the log.
    return { id, count, outcome: 'unknown' }
  }
}
