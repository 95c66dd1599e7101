import { metrics, type Metric } from '../../ports/metrics.ts'
import { bounds, liveKinds, storeOperations, type StoreOperation, type StoreOutcome, type Telemetry } from '../../ports/telemetry.ts'
import { Groups, Topics, type TopicSeries } from './bounded.ts'
import { methodLabel, routeLabel } from './labels.ts'
import { dollarsOfUnits, dollarsPerCall } from './prices.ts'
import { Family, HistogramSeries, Sample, Series } from './series.ts'

export interface TallyOptions {
  /** How many topics have a label of their own, and how many groups; `metricTopicsMax`. */
  readonly topicsMax: number
  /** Whether the storage is S3 and DynamoDB, so that calls cost money. */
  readonly paid: boolean
  /** How many values of each series of a histogram are kept; none by default. */
  readonly sampleMax?: number
}

interface StoreSeries {
  readonly outcomes: Partial<Record<StoreOutcome, Series>>
  readonly seconds: HistogramSeries
  readonly bytes: Series | undefined
  readonly dollars: number
}

interface RouteSeries {
  readonly seconds: HistogramSeries
  readonly statuses: Map<number | undefined, Series>
}

type SeriesOf<Kind> = Kind extends 'histogram' ? HistogramSeries : Series
type Families = { readonly [Key in keyof typeof metrics]: Family<SeriesOf<typeof metrics[Key]['kind']>> }

/**
 * Counts the events in plain numbers, for all adapters of the port. A counter of prom-client would look its labels up each time
 * that it is increased, which takes several times as long.
 */
export class Tally implements Telemetry {
  readonly families: Families
  readonly #stores: Partial<Record<StoreOperation, StoreSeries>> = {}
  readonly #appends = new Map<string, Series>()
  readonly #reads = new Map<string, Series>()
  readonly #routes = new Map<string | undefined, Map<string, RouteSeries>>()
  readonly #appendSeconds: HistogramSeries
  readonly #readSeconds: HistogramSeries
  readonly #segmentAppends: HistogramSeries
  readonly #segmentMessages: HistogramSeries
  readonly #hits: Series
  readonly #misses: Series
  readonly #held: Series
  readonly #cost: Series | undefined
  readonly #topics: Topics
  readonly #groups: Groups

  constructor ({ topicsMax, paid, sampleMax }: TallyOptions) {
    const families = this.families = createFamilies(sampleMax)
    this.#topics = new Topics(families, topicsMax)
    this.#groups = new Groups(families, topicsMax)
    this.#appendSeconds = families.appendSeconds.at()
    this.#readSeconds = families.readSeconds.at()
    this.#segmentAppends = families.segmentAppends.at()
    this.#segmentMessages = families.segmentMessages.at()
    this.#hits = families.segmentLookups.at('hit')
    this.#misses = families.segmentLookups.at('miss')
    this.#held = families.bytesHeld.at()
    if (paid) this.#cost = families.cost.at()
    for (const bound of bounds) families.refusals.at(bound)
    for (const kind of liveKinds) families.live.at(kind)
    for (const kind of ['hole', 'range']) families.seals.at(kind)
    for (const outcome of ['ok', 'failed']) families.sweeps.at(outcome)
  }

  storeCall (operation: StoreOperation, outcome: StoreOutcome, ms: number, bytes: number): void {
    const series = this.#stores[operation] ??= this.#storeSeries(operation)
    const calls = series.outcomes[outcome] ??= this.families.storeCalls.at(storeOperations[operation], operation, outcome)
    calls.value++
    if (outcome === 'ok') series.seconds.observe(ms / 1_000)
    if (series.bytes !== undefined) series.bytes.value += bytes
    // S3 charges no requests that it refuses for their rate, or fails to serve.
    if (this.#cost !== undefined && outcome !== 'throttled' && outcome !== 'unavailable') this.#cost.value += series.dollars
  }

  #storeSeries (operation: StoreOperation): StoreSeries {
    const { storeCallSeconds, storeBytes } = this.families
    const store = storeOperations[operation]
    return {
      outcomes: {},
      seconds: storeCallSeconds.at(store, operation),
      bytes: operation === 'put' || operation === 'get' ? storeBytes.at(store, operation) : undefined,
      dollars: dollarsPerCall[operation] ?? 0
    }
  }

  capacityUsed (kind: 'read' | 'write', units: number): void {
    this.families.capacityUnits.at(kind).value += units
    if (this.#cost !== undefined) this.#cost.value += dollarsOfUnits(kind, units)
  }

  append (outcome: string, ms: number): void {
    increment(this.#appends, this.families.appends, outcome)
    if (outcome === 'ok') this.#appendSeconds.observe(ms / 1_000)
    else if (outcome === 'overloaded') this.refused('overload')
  }

  segmentWritten (topic: string, appends: number, messages: number, bytes: number): void {
    this.#segmentAppends.observe(appends)
    this.#segmentMessages.observe(messages)
    const series = this.#topics.of(topic)
    series.messagesAppended.value += messages
    series.bytesAppended.value += bytes
  }

  read (outcome: string, ms: number): void {
    increment(this.#reads, this.families.reads, outcome)
    if (outcome === 'ok') this.#readSeconds.observe(ms / 1_000)
  }

  delivered (topic: string, messages: number, bytes: number): void {
    if (messages === 0) return
    const series: TopicSeries = this.#topics.of(topic)
    series.messagesDelivered.value += messages
    series.bytesDelivered.value += bytes
  }

  segmentLookup (found: boolean): void {
    if (found) this.#hits.value++
    else this.#misses.value++
  }

  loadedAhead (used: number, unused: number): void {
    this.families.segmentsAhead.at('used').value += used
    this.families.segmentsAhead.at('unused').value += unused
  }

  hole (verdict: string): void { this.families.holes.at(verdict).value++ }

  sealPut (kind: string): void { this.families.seals.at(kind).value++ }

  liveRequestBegan (kind: string): void { this.families.live.at(kind).value++ }

  liveRequestEnded (kind: string): void { this.families.live.at(kind).value-- }

  swept ({ segments, bytes, records, failedTopics, failed }: Parameters<Telemetry['swept']>[0]): void {
    const { sweeps, sweepFailures, segmentsRemoved, bytesRemoved, recordsRemoved } = this.families
    sweeps.at(failed ? 'failed' : 'ok').value++
    sweepFailures.at().value += failedTopics
    segmentsRemoved.at().value += segments
    bytesRemoved.at().value += bytes
    recordsRemoved.at().value += records
  }

  groupReceived (name: Parameters<Telemetry['groupReceived']>[0], messages: number, redelivered: number, lag: number): void {
    const { groupDeliveries, groupRedeliveries, groupLag } = this.#groups.of(name)
    groupDeliveries.value += messages
    groupRedeliveries.value += redelivered
    if (groupLag !== undefined) groupLag.value = lag
  }

  groupAcked (name: Parameters<Telemetry['groupAcked']>[0], messages: number): void {
    this.#groups.of(name).groupAcks.value += messages
  }

  groupLeasesExpired (name: Parameters<Telemetry['groupLeasesExpired']>[0], leases: number): void {
    this.#groups.of(name).groupExpiries.value += leases
  }

  groupDeadLettered (name: Parameters<Telemetry['groupDeadLettered']>[0], messages: number): void {
    this.#groups.of(name).groupDead.value += messages
  }

  bytesHeld (bytes: number): void { this.#held.value = bytes }

  refused (bound: string): void { this.families.refusals.at(bound).value++ }

  request ({ method, route, status, code, ms }: Parameters<Telemetry['request']>[0]): void {
    const { statuses, seconds } = this.#routes.get(route)?.get(method) ?? this.#routeSeries(route, method)
    let requests = statuses.get(status)
    if (requests === undefined) {
      const label = status === undefined ? 'aborted' : String(status)
      statuses.set(status, requests = this.families.requests.at(methodLabel(method), routeLabel(route), label))
    }
    requests.value++
    if (ms !== undefined) seconds.observe(ms / 1_000)
    if (code !== undefined) this.families.errors.at(code).value++
  }

  #routeSeries (route: string | undefined, method: string): RouteSeries {
    let methods = this.#routes.get(route)
    if (methods === undefined) {
      methods = new Map<string, RouteSeries>()
      this.#routes.set(route, methods)
    }
    // Not by the method itself: a path without a route takes any.
    const label = methodLabel(method)
    let series = methods.get(label)
    if (series === undefined) {
      series = { seconds: this.families.requestSeconds.at(label, routeLabel(route)), statuses: new Map<number | undefined, Series>() }
      methods.set(label, series)
    }
    return series
  }
}

function increment (known: Map<string, Series>, family: Family<Series>, label: string): void {
  let series = known.get(label)
  if (series === undefined) known.set(label, series = family.at(label))
  series.value++
}

function createFamilies (sampleMax: number | undefined): Families {
  const entries = Object.entries<Metric>(metrics).map(([key, metric]) => [key, metric.kind === 'histogram'
    ? new Family(metric, (labels) => (
      new HistogramSeries(labels, metric.buckets, sampleMax === undefined ? undefined : new Sample(sampleMax))))
    : new Family(metric, (labels) => new Series(labels))])
  return Object.fromEntries(entries) as Families
}
