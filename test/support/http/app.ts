import type { TestContext } from 'node:test'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { createMemoryOffsetCounter } from '../../../src/adapters/memory/offset-counter.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { buildApp } from '../../../src/app/build-app.ts'
import type { StreamBounds } from '../../../src/app/http/live/event-stream.ts'
import type { PlatformLogFields } from '../../../src/app/http/request-log.ts'
import type { StoreCheck } from '../../../src/app/routes/service/health.ts'
import type { TimeLeft } from '../../../src/app/routes/topics/consume.ts'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import type { OffsetCounter } from '../../../src/ports/offset-counter.ts'
import type { SegmentStore } from '../../../src/ports/segment-store.ts'

export interface MemoryAppOptions {
  readonly segments?: SegmentStore
  readonly counter?: OffsetCounter
  readonly checks?: readonly StoreCheck[]
  readonly limits?: Partial<Limits>
  readonly logger?: FastifyBaseLogger
  readonly log?: Log
  readonly platformLogFields?: PlatformLogFields
  readonly timeLeft?: TimeLeft
  readonly streamBounds?: StreamBounds
  readonly servedHosts?: readonly string[] | undefined
  readonly corsOrigins?: readonly string[]
}

/** For requests of any kind: those that wait, wait for a few milliseconds. */
export const hurried: TimeLeft = () => 2_005

/** The app over a log on memory adapters, or on those handed in. */
export function memoryApp (t: TestContext, options: MemoryAppOptions = {}): { app: FastifyInstance, log: Log } {
  const {
    segments = createMemorySegmentStore(), counter = createMemoryOffsetCounter(), checks = [], logger, platformLogFields, timeLeft,
    streamBounds, servedHosts, corsOrigins
  } = options
  const limits = { ...defaultLimits, ...options.limits }
  const log = options.log ?? createLog({ segments, counter, clock: systemClock, compression: 'none', limits })
  const app = buildApp({
    log,
    limits,
    checks,
    ...logger === undefined ? {} : { logger },
    ...platformLogFields === undefined ? {} : { platformLogFields },
    ...timeLeft === undefined ? {} : { timeLeft },
    ...streamBounds === undefined ? {} : { streamBounds: () => streamBounds },
    ...corsOrigins === undefined ? {} : { corsOrigins },
    servedHosts
  })
  t.after(async () => {
    await app.close()
    await log.close()
  })
  return { app, log }
}

/** The same, listening on a free port. */
export async function listeningApp (
  t: TestContext, options: MemoryAppOptions = {}
): Promise<{ app: FastifyInstance, log: Log, baseUrl: string }> {
  const made = memoryApp(t, options)
  return { ...made, baseUrl: await made.app.listen({ host: '127.0.0.1', port: 0 }) }
}
