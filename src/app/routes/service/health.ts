import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { LogError } from '../../../domain/errors.ts'
import type { Limits } from '../../../domain/limits.ts'
import { StoreError } from '../../../ports/errors.ts'
import type { CallOptions } from '../../../ports/segment-store.ts'
import { problems, Status } from '../common.schema.ts'

/** A check of a part that the service needs, with the name that operators know. */
export interface StoreCheck {
  readonly name: string
  /** Resolves if the part works. @throws StoreError */
  readonly check: (options: CallOptions) => Promise<void>
}

export interface ServiceRoutesOptions {
  readonly checks: readonly StoreCheck[]
  readonly limits: Limits
  readonly hide: boolean
}

/** `GET /health` (liveness) and `GET /ready` (readiness) */
export const serviceRoutes: FastifyPluginCallbackTypebox<ServiceRoutesOptions> = (app, { checks, limits, hide }, done) => {
  const ok = { status: 'ok' } as const

  app.get('/health', {
    config: { access: 'open' },
    schema: {
      hide,
      operationId: 'health',
      tags: ['service'],
      summary: 'Liveness: the process runs. Does not use the storage',
      response: { 200: Type.Ref(Status), ...problems() }
    }
  }, async () => ok)

  app.get('/ready', {
    config: { access: 'open' },
    schema: {
      hide,
      operationId: 'ready',
      tags: ['service'],
      summary: 'Readiness: the storage can be used',
      response: { 200: Type.Ref(Status), ...problems('storage_unavailable', 'storage_misconfigured') }
    }
  }, async () => {
    const errors = await Promise.all(checks.map((part) => failureOf(part, limits.getTimeoutMs)))
    const failed = errors.filter((failure) => failure !== undefined)
    if (failed.length === 0) return ok
    const detail = `Not ready: ${failed.map(({ name, reason }) => `${name} (${reason})`).join(', ')}.`
    const code = failed.some(({ reason }) => reason === 'misconfigured') ? 'storage_misconfigured' : 'storage_unavailable'
    throw new LogError(code, detail, { cause: failed[0]!.error })
  })

  done()
}

async function failureOf (part: StoreCheck, timeoutMs: number): Promise<{ name: string, reason: string, error: unknown } | undefined> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    await Promise.race([part.check({ signal }), aborted(signal)])
    return undefined
  } catch (error) {
    return { name: part.name, reason: error instanceof StoreError ? error.failure : 'unavailable', error }
  }
}

/** Rejects when the signal aborts, so that a check that ignores its signal does not delay the response. */
function aborted (signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => { reject(new StoreError('timeout', 'unknown', 'no response in time')) }, { once: true })
  })
}
