import type { FastifyInstance } from 'fastify'
import { systemClock } from '../../src/adapters/system/clock.ts'
import { createAuthenticator, managesTokens } from '../../src/app/access/create-authenticator.ts'
import type { AccessSettings } from '../../src/app/access/settings.ts'
import { buildApp } from '../../src/app/build-app.ts'
import { loadSettings } from '../../src/app/config.ts'
import type { specifications } from '../../src/app/lambda/built-docs.ts'
import { type Prepared, preparedAtStart } from '../../src/app/prepared.ts'
import { wire } from '../../src/wiring.ts'

export type Variant = keyof typeof specifications

/** Settings with which the app has all routes of a variant. */
const accesses: Readonly<Record<Variant, AccessSettings>> = {
  open: { kind: 'none' },
  access: { kind: 'platform' },
  tokens: { kind: 'bearer', tokens: true, jwt: undefined }
}

/** Uses an app of the function from the sources, with nothing stored. */
export async function withApp<Result> (
  variant: Variant, use: (app: FastifyInstance) => Result | Promise<Result>, prepared: Prepared = preparedAtStart()
): Promise<Result> {
  const access = accesses[variant]
  const wiring = await wire(loadSettings({ DATA_DIR: ':memory:' }), () => {})
  const app = buildApp({
    ...wiring,
    ...prepared,
    tokens: managesTokens(access) ? wiring.tokens : undefined,
    authenticator: await createAuthenticator(access, { ...wiring, clock: systemClock, warn: () => {} })
  })
  try {
    await app.ready()
    return await use(app)
  } finally {
    await app.close()
    await wiring.close()
  }
}
