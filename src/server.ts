import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { systemClock } from './adapters/system/clock.ts'
import { createAuthenticator, describeAccess, managesTokens } from './app/access/create-authenticator.ts'
import { type AppDeps, buildApp } from './app/build-app.ts'
import { loadServerSettings, type ServiceSettings, SettingsError } from './app/config.ts'
import { addConsole, loadConsole } from './app/console/console.ts'
import { closeIdleWhenSent, limitConnections } from './app/http/bounds/connections.ts'
import { bufferedOutput, createLogger } from './app/logger.ts'
import { type Sweeper, startSweeping } from './app/sweeper.ts'
import { preparedAtStart } from './app/prepared.ts'
import { limitYoungGeneration } from './app/young-generation.ts'
import type { Tracing } from './adapters/opentelemetry/start.ts'
import { defaultLimits } from './domain/limits.ts'
import { StoreError } from './ports/errors.ts'
import { type MetricsOptions, StartError, wire, type Wiring } from './wiring.ts'

const checkMs = 5_000
const shutdownMs = 10_000
/** For the traces that are not exported yet. Without a collector, OpenTelemetry would try for as long as a shutdown may take. */
const flushMs = 2_000
/** The terminal sends Ctrl-C to npm and to the server, and npm passes it on: two signals within this time count as one. */
const sameSignalMs = 1_000

// V8 may decide, for the life of the process, to allocate the objects of requests in the old generation. Then only a full
// collection frees them, and an append takes half as much CPU again: see docs/performance.md.
setFlagsFromString('--no-allocation-site-pretenuring')
limitYoungGeneration()

try {
  await start(loadServerSettings(process.env))
} catch (error) {
  const isOperatorError = error instanceof StartError || error instanceof SettingsError
  console.error(isOperatorError ? error.message : error)
  process.exit(1)
}

async function start (settings: ServiceSettings): Promise<void> {
  const logger = createLogger(settings.logLevel, bufferedOutput())
  const warn = (text: string): void => { logger.warn(text) }
  const tracing = settings.traces ? await loadTracing(logger) : undefined
  const wiring = await wire(settings, warn, { metrics: openPrometheus, traces: tracing?.traces })
  const failedChecks = await checkStores(wiring)
  const consoleFiles = await loadConsole()
  const app = buildApp({
    log: wiring.log,
    catalog: wiring.catalog,
    groups: wiring.groups,
    tokens: managesTokens(settings.access) ? wiring.tokens : undefined,
    limits: wiring.limits,
    telemetry: wiring.telemetry,
    exposition: wiring.exposition,
    authenticator: await createAuthenticator(settings.access, { ...wiring, clock: systemClock, warn }),
    checks: wiring.checks,
    ...preparedAtStart(),
    logger,
    ...tracing !== undefined && observedBy(tracing),
    bufferedBytesMax: settings.bufferedBytesMax,
    followersMax: settings.followersMax,
    addressRate: settings.addressRate,
    principalRate: settings.principalRate,
    trustedProxies: settings.trustedProxies,
    servedHosts: settings.servedHosts,
    corsOrigins: settings.corsOrigins,
    addRoutes (app) { addConsole(app, consoleFiles) }
  })
  limitConnections(app.server, {
    max: settings.connectionsMax,
    reservedFiles: wiring.limits.reservedFiles,
    telemetry: wiring.telemetry,
    refused (count) { logger.warn({ count, max: app.server.maxConnections }, 'connections refused') }
  })
  const sweeper = settings.sweepIntervalMs === 0 ? undefined : startSweeping(wiring.catalog, settings.sweepIntervalMs, logger)
  stopOnSignal(app, { wiring, sweeper, tracing }, logger)
  await listen(app, settings, logger)
  const url = urlOf(app, settings)
  logger.level = settings.logLevel
  const credentials = settings.access.kind === 'bearer' ? ' -H "authorization: Bearer $TOKEN"' : ''
  // On standard error, since standard output is the log only.
  console.error(`Listening on ${url}, data in ${wiring.location}. Console: ${url}/console. ` +
    `Try: curl ${url}/topics/orders/produce${credentials} ` +
    '-H \'content-type: application/json\' -d \'{"payload":{"item":"book","quantity":2}}\'')
  logger.info({ url, data: wiring.location, auth: describeAccess(settings.access) }, 'listening')
  for (const warning of wiring.warnings) logger.warn(warning)
  for (const { name, error } of failedChecks) {
    if (error instanceof StoreError && error.failure === 'full') {
      logger.error({ store: name, err: error }, 'store is full: appends are refused, reads continue')
    } else logger.warn({ store: name, err: error }, 'store did not respond at the start')
  }
}

/** Loaded only if it is needed: prom-client takes 40 ms of CPU time to load. */
async function openPrometheus (options: MetricsOptions) {
  return (await import('./adapters/prometheus/exposition.ts')).createPrometheusMetrics(options)
}

/** Loaded only if it is asked for, and before the stores, whose calls it shows. A failure does not prevent the start. */
async function loadTracing (logger: Logger): Promise<Tracing | undefined> {
  const { startTracing, TracingError } = await import('./adapters/opentelemetry/start.ts')
  try {
    return await startTracing(defaultLimits.traceLinksMax, (level, detail) => { logger[level]({ detail }, 'OpenTelemetry') })
  } catch (error) {
    if (!(error instanceof TracingError)) throw error
    logger.warn({ detail: error.message }, 'no traces')
    return undefined
  }
}

function observedBy ({ logFields, noteRequest }: Tracing): Pick<AppDeps, 'platformLogFields' | 'onRequest'> {
  return { platformLogFields: logFields, onRequest: ({ id, routeOptions }) => { noteRequest(id, routeOptions.url) } }
}

/**
 * Returns the failed checks. A store that does not respond may do so later; until then /ready reports it.
 * @throws StartError if a store is misconfigured
 */
async function checkStores ({ checks }: Wiring): Promise<Array<{ name: string, error: unknown }>> {
  const signal = AbortSignal.timeout(checkMs)
  const results = await Promise.all(checks.map(async ({ name, check }) => {
    try {
      await check({ signal })
      return undefined
    } catch (error) {
      return { name, error }
    }
  }))
  const failed = results.filter((result) => result !== undefined)
  const broken = failed.flatMap(({ error }) => error instanceof StoreError && error.failure === 'misconfigured' ? [error.message] : [])
  if (broken.length > 0) throw new StartError(broken.join('\n'))
  return failed
}

async function listen (app: FastifyInstance, { host, port }: ServiceSettings, logger: Logger): Promise<void> {
  await app.ready()
  // Fastify would log each address it listens on as a sentence.
  logger.level = 'silent'
  try {
    await app.listen({ host, port })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new StartError(`PORT: ${port} on ${host} is taken by another process; set PORT to a free one`)
    if (code === 'EACCES') throw new StartError(`PORT: this user may not listen on ${port}; set PORT to 1024 or higher`)
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new StartError(`HOST: ${host} is not an address of this machine (${message})`)
    }
    throw error
  }
}

/** An address that a client on this machine can use. */
function urlOf (app: FastifyInstance, { host }: ServiceSettings): string {
  const { port } = app.server.address() as AddressInfo
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** What ends after the app. */
interface Background { readonly wiring: Wiring, readonly sweeper: Sweeper | undefined, readonly tracing: Tracing | undefined }

function stopOnSignal (app: FastifyInstance, background: Background, logger: Logger): void {
  const closeIdle = closeIdleWhenSent(app.server)
  let stoppingSince: number | undefined
  const stop = (signal: NodeJS.Signals): void => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > sameSignalMs) process.exit(1)
      return
    }
    stoppingSince = performance.now()
    logger.info({ signal }, 'stopping')
    setTimeout(() => {
      logger.error({ timeout_ms: shutdownMs }, 'shutdown timed out: requests were aborted')
      process.exit(1)
    }, shutdownMs).unref()
    close(app, closeIdle, background, logger).then(() => {
      logger.info('stopped')
      process.exit(0)
    }, (error: unknown) => {
      logger.error({ err: error }, 'shutdown failed')
      process.exit(1)
    })
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
}

async function close (
  app: FastifyInstance, closeIdle: () => () => void, { wiring, sweeper, tracing }: Background, logger: Logger
): Promise<void> {
  const stopClosingIdle = closeIdle()
  const swept = sweeper?.stop()
  try {
    await app.close()
  } finally {
    stopClosingIdle()
  }
  await swept
  await wiring.close()
  if (await tracing?.stop(flushMs) === false) logger.warn({ timeout_ms: flushMs }, 'traces could not be exported before the end')
}
