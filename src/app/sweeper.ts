import type { FastifyBaseLogger } from 'fastify'
import type { Catalog, Swept } from '../domain/catalog/catalog.ts'

export interface Sweeper {
  /** Ends the sweep that runs, after the calls that it has begun, and starts no other. */
  stop (): Promise<void>
}

/**
 * Sweeps again and again, one sweep at a time, `intervalMs` after the end of the one before. The first comes after a part of it,
 * so that servers which are started together do not sweep together. Does not keep the process alive.
 */
export function startSweeping (catalog: Catalog, intervalMs: number, logger: FastifyBaseLogger): Sweeper {
  const stopped = new AbortController()
  let after: string | undefined
  let running: Promise<void> = Promise.resolve()
  let timer = schedule(intervalMs * (0.5 + Math.random() / 2))

  function schedule (ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      running = sweepAll().finally(() => { if (!stopped.signal.aborted) timer = schedule(intervalMs) })
    }, ms).unref()
  }

  /** Where a sweep fails, the next one goes on, so that topics behind a broken one get their turn. */
  async function sweepAll (): Promise<void> {
    const startedAt = performance.now()
    const parts: Swept[] = []
    do {
      const swept = await catalog.sweep({ ...after === undefined ? {} : { after }, signal: stopped.signal })
      parts.push(swept)
      after = swept.next
    } while (after !== undefined && parts.at(-1)!.error === undefined && !stopped.signal.aborted)
    logSweep(logger, parts, performance.now() - startedAt)
  }

  return {
    async stop () {
      clearTimeout(timer)
      stopped.abort()
      await running
    }
  }
}

/** Whether a sweep has removed something, or has failed to. */
export function foundWork ({ results, records, error }: Swept): boolean {
  return error !== undefined || records > 0 || results.length > 0
}

/** One line for each topic of which something was removed, and one for the sweep. @param parts of one sweep */
export function logSweep (logger: FastifyBaseLogger, parts: readonly Swept[], durationMs: number): void {
  for (const { topic, before, segments, bytes, calls, error } of parts.flatMap(({ results }) => results)) {
    if (segments > 0 || before !== undefined) logger.info({ topic, earliest: before, segments, bytes, calls }, 'topic swept')
    if (error !== undefined) logger.warn({ topic, code: error.code, err: error }, 'topic could not be swept')
  }
  logger.info({ ...totalOf(parts), duration_ms: Math.round(durationMs) }, 'swept')
  for (const { error } of parts) if (error !== undefined) logger.error({ code: error.code, err: error }, 'sweep failed')
}

export interface SweepTotal {
  readonly topics: number
  readonly segments: number
  readonly bytes: number
  readonly records: number
  readonly calls: Swept['calls']
}

/** What was looked at, what was removed, and what it cost. */
export function totalOf (parts: readonly Swept[]): SweepTotal {
  const total = { topics: 0, segments: 0, bytes: 0, records: 0, calls: { read: 0, write: 0, list: 0, remove: 0 } }
  for (const { topics, results, records, calls } of parts) {
    total.topics += topics
    total.records += records
    for (const { segments, bytes } of results) {
      total.segments += segments
      total.bytes += bytes
    }
    for (const kind of ['read', 'write', 'list', 'remove'] as const) total.calls[kind] += calls[kind]
  }
  return total
}
