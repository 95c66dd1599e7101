import { setTimeout as wait } from 'node:timers/promises'

/*
 * A client process with several writers: `writer-process.ts NAME WRITERS TOPIC BATCH URL…`. Tells its parent of every append
 * what came of it, and stops when told to. A message is never sent twice; a writer whose server is gone goes to the next one.
 * An append is of one message, or of up to BATCH.
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

await Promise.all(Array.from({ length: Number(writers) }, (_, w) => write(w)))
process.disconnect()

async function write (w: number): Promise<void> {
  let at = w
  for (let n = 0; !stop.signal.aborted; n++) {
    const id = `${name}-${w}-${n}`
    const appended = await append(urls[at % urls.length]!, id, 1 + (n * 31 + w * 7) % Number(batch))
    process.send!(appended)
    if (appended.outcome !== 'acknowledged') {
      at++
      await wait(50)
    }
  }
}

async function append (url: string, id: string, count: number): Promise<Appended> {
  const messages = Array.from({ length: count }, (_, part) => ({ payload: { id, part, of: count, ...count > 1 && { filler } } }))
  try {
    const answer = await fetch(`${url}/topics/${topic}/produce`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json'
      },
      body: JSON.stringify(count === 1 ? messages[0] : { messages }),
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
