import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { growth, growthBy, type Metrics, parseMetrics, quantile, total } from './metrics-text.ts'
import { poller } from './poll.ts'
import { client, hasCode } from './session.ts'

/** What the server's metrics have shown at one time; rates since the time before. */
export interface Moment {
  /** In ms since 1970. */
  readonly at: number
  readonly values: Readonly<Record<string, number | undefined>>
}

export interface Flow {
  readonly in: number
  readonly out: number
  /** Messages a second, of the last minutes. */
  readonly history: readonly number[]
}

export interface GroupFlow {
  readonly deliveries: number
  readonly redeliveries: number
  readonly acks: number
  readonly expiries: number
  readonly deadLetters: number
}

type State = 'waiting' | 'ok' | 'forbidden' | 'off' | 'failed'

export const pollMs = 2_000
/** Five minutes. */
const momentsMax = 150
const flowMax = 60

export const state = signal<State>('waiting')
export const moments = signal<readonly Moment[]>([])
/** By topic. The server counts the first hundred that it meets; all others are under `(other)`. */
export const flows = signal<ReadonlyMap<string, Flow>>(new Map())
/** By `topic/group`, since the server started. */
export const groupTotals = signal<ReadonlyMap<string, GroupFlow>>(new Map())
/** The latest, for tables. */
export const latest = signal<Metrics | undefined>(undefined)

let before: { readonly at: number, readonly metrics: Metrics } | undefined
let users = 0
let stop = (): void => {}

/** Asks for the server's metrics as long as a view shows them. What was seen stays for the next view. */
export function useMonitor (): void {
  const current = client.value
  useEffect(() => {
    if (users++ === 0) {
      before = undefined
      stop = poller(look, pollMs).stop
    }
    return () => { if (--users === 0) stop() }
  }, [current])
}

async function look (abort: AbortSignal): Promise<void> {
  try {
    const metrics = parseMetrics(await client.peek().metrics({ signal: abort, timeoutMs: 5_000 }))
    state.value = 'ok'
    note(Date.now(), metrics)
  } catch (error) {
    if (abort.aborted) return
    state.value = hasCode(error, 'forbidden') ? 'forbidden' : hasCode(error, 'not_found') ? 'off' : 'failed'
  }
}

function note (at: number, metrics: Metrics): void {
  latest.value = metrics
  noteGroups(metrics)
  // Behind one address there may be several servers, each with numbers of its own.
  const isSame = before !== undefined &&
    total(before.metrics, 'process_start_time_seconds') === total(metrics, 'process_start_time_seconds')
  if (isSame) {
    const seconds = (at - before!.at) / 1_000
    moments.value = [...moments.value.slice(1 - momentsMax), { at, values: valuesBetween(before!.metrics, metrics, seconds) }]
    noteFlows(before!.metrics, metrics, seconds)
  }
  before = { at, metrics }
}

function valuesBetween (old: Metrics, now: Metrics, seconds: number): Record<string, number | undefined> {
  const rate = (name: string, labels = {}): number => growth(old, now, name, labels) / seconds
  const values: Record<string, number | undefined> = {
    in: rate('streams_messages_appended_total'),
    out: rate('streams_messages_delivered_total'),
    bytesIn: rate('streams_message_bytes_appended_total'),
    bytesOut: rate('streams_message_bytes_delivered_total'),
    appendP50: quantile(old, now, 'streams_append_duration_seconds', 0.5),
    appendP99: quantile(old, now, 'streams_append_duration_seconds', 0.99),
    readP50: quantile(old, now, 'streams_read_duration_seconds', 0.5),
    readP99: quantile(old, now, 'streams_read_duration_seconds', 0.99),
    storePut: rate('streams_store_calls_total', { operation: 'put' }),
    storeGet: rate('streams_store_calls_total', { operation: 'get' }),
    storeList: rate('streams_store_calls_total', { operation: 'list' }),
    storeAll: rate('streams_store_calls_total'),
    storeFailed: storeFailures(old, now) / seconds,
    holes: rate('streams_holes_total'),
    seals: rate('streams_seals_total'),
    errors: rate('streams_http_errors_total'),
    refusals: rate('streams_refusals_total'),
    dollarsADay: now.has('streams_storage_cost_dollars_total') ? rate('streams_storage_cost_dollars_total') * 86_400 : undefined,
    live: total(now, 'streams_live_requests'),
    heldBytes: total(now, 'streams_held_bytes'),
    memory: total(now, 'process_resident_memory_bytes'),
    cpu: rate('process_cpu_seconds_total') * 100,
    loopLag: total(now, 'nodejs_eventloop_lag_p99_seconds')
  }
  values['storeOther'] = values['storeAll']! - values['storePut']! - values['storeGet']! - values['storeList']!
  return values
}

/** A conflict is an answer, not a failure: another writer was first. */
function storeFailures (old: Metrics, now: Metrics): number {
  let failed = 0
  for (const [outcome, count] of growthBy(old, now, 'streams_store_calls_total', 'outcome')) {
    if (outcome !== 'ok' && outcome !== 'conflict') failed += count
  }
  return failed
}

function noteFlows (old: Metrics, now: Metrics, seconds: number): void {
  const appended = growthBy(old, now, 'streams_messages_appended_total', 'topic')
  const delivered = growthBy(old, now, 'streams_messages_delivered_total', 'topic')
  const next = new Map<string, Flow>()
  for (const topic of new Set([...appended.keys(), ...delivered.keys()])) {
    const [inRate, outRate] = [appended, delivered].map((rates) => (rates.get(topic) ?? 0) / seconds) as [number, number]
    next.set(topic, { in: inRate, out: outRate, history: [...(flows.value.get(topic)?.history ?? []).slice(1 - flowMax), inRate] })
  }
  flows.value = next
}

function noteGroups (metrics: Metrics): void {
  const names: ReadonlyArray<readonly [keyof GroupFlow, string]> = [
    ['deliveries', 'streams_group_deliveries_total'],
    ['redeliveries', 'streams_group_redeliveries_total'],
    ['acks', 'streams_group_acks_total'],
    ['expiries', 'streams_group_lease_expiries_total'],
    ['deadLetters', 'streams_group_dead_letters_total']
  ]
  const found = new Map<string, Record<keyof GroupFlow, number>>()
  for (const [member, name] of names) {
    for (const { labels: { topic, group }, value } of metrics.get(name) ?? []) {
      const key = `${topic}/${group}`
      const flow = found.get(key) ?? { deliveries: 0, redeliveries: 0, acks: 0, expiries: 0, deadLetters: 0 }
      flow[member] = value
      found.set(key, flow)
    }
  }
  groupTotals.value = found
}
