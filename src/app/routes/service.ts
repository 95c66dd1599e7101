import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { LogError } from '../../domain/errors.ts'
import { defaultLimits } from '../../domain/limits.ts'
import type { CallOptions } from '../../ports/segment-store.ts'
import { StoreError } from '../../ports/errors.ts'
import { problems, Status } from '../schemas/common.ts'

/** A part that the service cannot do without, under the name its operator knows it by. */
export interface StoreCheck {
  readonly name: string
  /** Resolves when the part answers. @throws StoreError */
  readonly check: (options: CallOptions) => Promise<void>
}

export interface ServiceRoutesOptions { readonly checks: readonly StoreCheck[], readonly hide: boolean }

/** For what watches over the process: does it live, can it work. */
export const serviceRoutes: FastifyPluginCallbackTypebox<ServiceRoutesOptions> = (app, { checks, hide }, done) => {
  const ok = { status: 'ok' } as const

  app.get('/health', {
    schema: {
      hide,
      operationId: 'health',
      tags: ['service'],
      summary: 'Liveness: the process runs. Does not use the storage',
      response: { 200: Type.Ref(Status), ...problems() }
    }
  }, async () => ok)

  app.get('/ready', {
    schema: {
      hide,
      operationId: 'ready',
      tags: ['service'],
      summary: 'Readiness: the storage can be used',
      response: { 200: Type.Ref(Status), ...problems('storage_unavailable', 'storage_misconfigured') }
    }
  }, async () => {
    const errors = await Promise.all(checks.map(failureOf))
    const failed = errors.filter((failure) => failure !== undefined)
    if (failed.length === 0) return ok
    const detail = `Not ready: ${failed.map(({ name, reason }) => `${name} (${reason})`).join(', ')}.`
    const code = failed.some(({ reason }) => reason === 'misconfigured') ? 'storage_misconfigured' : 'storage_unavailable'
    throw new LogError(code, detail, { cause: failed[0]!.error })
  })

  done()
}

async function failureOf (part: StoreCheck): Promise<{ name: string, reason: string, error: unknown } | undefined> {
  const signal = AbortSignal.timeout(defaultLimits.getTimeoutMs)
  try {
    await Promise.race([part.check({ signal }), aborted(signal)])
    return undefined
  } catch (error) {
    return { name: part.name, reason: error instanceof StoreError ? error.failure : 'unavailable', error }
  }
}

/** A part that ignores its signal must not hold up the answer. */
function aborted (signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => { reject(new StoreError('timeout', 'unknown', 'no answer in time')) }, { once: true })
  })
}
