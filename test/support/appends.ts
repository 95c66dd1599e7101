import assert from 'node:assert/strict'
import { LogError } from '../../src/domain/errors.ts'
import { messagesOf, type AppendConditions, type Log } from '../../src/domain/log/log.ts'
import type { NewMessage } from '../../src/domain/segments/message.ts'
import type { SegmentStore } from '../../src/ports/segment-store.ts'
import { answerLost, hanging } from './storage/faults.ts'
import type { TestProcess } from './test-log.ts'

/** Messages whose payloads are these numbers. */
export function messages (...payloads: readonly number[]): NewMessage[] {
  return payloads.map((n) => ({ payload: String(n) }))
}

/** The conditions of an append of a producer. */
export function seq (n: number, { id = 'p', epoch = 0 }: { id?: string, epoch?: number } = {}): AppendConditions {
  return { producer: { id, epoch, seq: n } }
}

/** How an append was refused, or failed: the code and its details. */
export async function refusal (append: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await append.then((answer) => assert.fail(`it was not refused: ${JSON.stringify(answer)}`), (error: unknown) => error)
  if (!(error instanceof LogError)) throw error
  return { code: error.code, ...error.details }
}

/** All messages of topic `t`, as `offset payload`, once nothing is waited for any more. */
export async function stored (log: Log): Promise<string[]> {
  const found: string[] = []
  let from = await log.position('t', 'earliest')
  for (let reads = 0; from < await log.position('t', 'latest'); reads++) {
    assert.ok(reads < 1_000, `a reader does not get past ${from}`)
    const page = await log.read('t', { from, limit: 1_000, maxBytes: 1_000_000 })
    for (const { offset, line } of messagesOf(page)) {
      found.push(`${offset} ${JSON.stringify((JSON.parse(Buffer.from(line).toString()) as { payload: unknown }).payload)}`)
    }
    from = page.nextOffset
  }
  return found
}

/** The last offsets of all segments and seals of topic `t`. */
export async function lastOffsets (segments: SegmentStore): Promise<number[]> {
  return (await segments.list('t', 1, 1_000)).entries.map(({ lastOffset }) => lastOffset)
}

/** What `segments` has at the offset: `sealed 1 … 3`, or `messages`. */
export async function kindAt (segments: SegmentStore, last: number): Promise<string | undefined> {
  const object = await segments.get('t', last)
  if (object?.metadata['sealed'] === undefined) return object && 'messages'
  const { sealed_from: first } = JSON.parse(Buffer.from(object.body).toString()) as { sealed_from: number }
  return `sealed ${first} … ${last}`
}

/** From now on the process reserves, but its puts never arrive, nor do its seals: as if it had died in between. */
export function diesBeforePut ({ faults }: TestProcess): void {
  faults.segments.putIfAbsent = hanging
}

/** The process's next update is applied, and its answer is lost. */
export function losesNextAnswer ({ faults }: TestProcess): void {
  faults.topics.reserve = (call) => {
    delete faults.topics.reserve
    return answerLost(call)
  }
}
