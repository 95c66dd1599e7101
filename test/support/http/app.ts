import type { TestContext } from 'node:test'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { createMemoryGroupStore } from '../../../src/adapters/memory/group-store.ts'
import { createMemoryRecordStore } from '../../../src/adapters/memory/record-store.ts'
import { createMemorySegmentStore } from '../../../src/adapters/memory/segment-store.ts'
import { createMemoryTokenStore } from '../../../src/adapters/memory/token-store.ts'
import { createMemoryTopicStore } from '../../../src/adapters/memory/topic-store.ts'
import { systemClock } from '../../../src/adapters/system/clock.ts'
import { type Authenticator, noAuthenticator } from '../../../src/app/access/authenticator.ts'
import { createBearerAuthenticator } from '../../../src/app/access/bearer-authenticator.ts'
import { buildApp } from '../../../src/app/build-app.ts'
import { preparedAtStart } from '../../../src/app/prepared.ts'
import type { StreamBounds } from '../../../src/app/http/live/event-stream.ts'
import type { PlatformLogFields } from '../../../src/app/http/request-log.ts'
import type { StoreCheck } from '../../../src/app/routes/service/readiness.ts'
import type { TimeLeft } from '../../../src/app/routes/time-left.ts'
import { Tokens } from '../../../src/domain/access/tokens.ts'
import { createCatalog, type Catalog, type Retention } from '../../../src/domain/catalog/catalog.ts'
import { createGroups, type Groups } from '../../../src/domain/groups/groups.ts'
import { defaultLimits, type Limits } from '../../../src/domain/limits.ts'
import { createLog, type Log } from '../../../src/domain/log/log.ts'
import type { Exposition } from '../../../src/ports/exposition.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import type { RecordStore } from '../../../src/ports/record-store.ts'
import type { NamedSegmentStore } from '../../../src/ports/segment-store.ts'
import type { Telemetry } from '../../../src/ports/telemetry.ts'
import type { TokenStore } from '../../../src/ports/token-store.ts'
import type { TopicStore } from '../../../src/ports/topic-store.ts'

export interface MemoryAppOptions {
  readonly segments?: NamedSegmentStore
  readonly topics?: TopicStore
  readonly records?: RecordStore
  readonly groupStore?: GroupStore
  readonly tokenStore?: TokenStore
  readonly checks?: readonly StoreCheck[]
  readonly limits?: Partial<Limits>
  readonly logger?: FastifyBaseLogger
  readonly log?: Log
  readonly createsTopics?: boolean
  readonly retention?: Retention
  readonly platformLogFields?: PlatformLogFields
  readonly timeLeft?: TimeLeft
  readonly streamBounds?: StreamBounds
  readonly servedHosts?: readonly string[] | undefined
  readonly corsOrigins?: readonly string[]
  readonly bufferedBytesMax?: number
  readonly telemetry?: Telemetry
  readonly exposition?: Exposition
  readonly authenticator?: Authenticator
  /** With access tokens, which the store has, or one in memory. */
  readonly access?: 'tokens'
  readonly followersMax?: number
  readonly addressRate?: number
  readonly principalRate?: number
  readonly trustedProxies?: readonly string[]
}

export interface MemoryApp {
  readonly app: FastifyInstance
  readonly log: Log
  readonly catalog: Catalog
  readonly groups: Groups
  readonly tokens: Tokens
}

/** For requests of any kind: those that wait, wait for a few milliseconds. */
export const hurried: TimeLeft = () => 2_005

/** The app over a log and a catalog on memory adapters, or on those handed in. */
export function memoryApp (t: TestContext, options: MemoryAppOptions = {}): MemoryApp {
  const { segments = createMemorySegmentStore(), topics = createMemoryTopicStore(), records = createMemoryRecordStore() } = options
  const {
    checks = [], createsTopics = true, retention = {}, logger, platformLogFields, timeLeft, streamBounds, servedHosts, corsOrigins,
    bufferedBytesMax, telemetry, exposition, followersMax = Infinity, addressRate, principalRate, trustedProxies = []
  } = options
  const limits = { ...defaultLimits, ...options.limits }
  const stores = { segments, topics, records, clock: systemClock, limits, ...telemetry === undefined ? {} : { telemetry } }
  const log = options.log ?? createLog({ ...stores, compression: 'none', createsTopics })
  const catalog = createCatalog({
    ...stores,
    retention,
    raiseEarliest: (topic, before) => log.raiseEarliest(topic, before),
    resolveClosing: (topic, item) => log.isClosed(topic, item)
  })
  const groups = createGroups({ ...stores, store: options.groupStore ?? createMemoryGroupStore(), log })
  const { tokenStore = createMemoryTokenStore() } = options
  const tokens = new Tokens({ store: tokenStore, clock: systemClock, limits })
  const app = buildApp({
    log,
    catalog,
    groups,
    tokens,
    limits,
    exposition,
    ...telemetry === undefined ? {} : { telemetry },
    checks,
    ...preparedAtStart(),
    authenticator: options.authenticator ??
      (options.access === undefined ? noAuthenticator : createBearerAuthenticator(limits, { tokens })),
    ...logger === undefined ? {} : { logger },
    ...platformLogFields === undefined ? {} : { platformLogFields },
    ...timeLeft === undefined ? {} : { timeLeft },
    ...streamBounds === undefined ? {} : { streamBounds: () => streamBounds },
    ...bufferedBytesMax === undefined ? {} : { bufferedBytesMax },
    ...corsOrigins === undefined ? {} : { corsOrigins },
    servedHosts,
    followersMax,
    addressRate,
    principalRate,
    trustedProxies
  })
  t.after(async () => {
    await app.close()
    await log.close()
  })
  return { app, log, catalog, groups, tokens }
}

/** The same, listening on a free port. */
export async function listeningApp (t: TestContext, options: MemoryAppOptions = {}): Promise<MemoryApp & { baseUrl: string }> {
  const made = memoryApp(t, options)
  return { ...made, baseUrl: await made.app.listen({ host: '127.0.0.1', port: 0 }) }
}
